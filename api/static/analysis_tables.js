// The tables of cycles and of steps: one row each, the newest in sight.

import { duration, mark, number, percent, signed, words } from "./format.js";

class Table {
  constructor(id) {
    this.body = document.getElementById(id);
    this.scroller = this.body.closest(".rows");
  }

  has(list) {
    return list.length > 0;
  }

  show(list) {
    if (this.body.childElementCount === list.length && this.shown === list.at(-1)) return;
    const grown = list.length > this.body.childElementCount;
    this.shown = list.at(-1);
    this.body.replaceChildren(...list.map((element) => row(this.cells(element), element.flags)));
    if (grown) this.scroller.scrollTop = this.scroller.scrollHeight;
  }
}

export class CycleTable extends Table {
  constructor() {
    super("cycle-rows");
  }

  cells(cycle) {
    return [
      String(cycle.cycle),
      number(cycle.charge_mah_per_g, 1),
      number(cycle.discharge_mah_per_g, 1),
      number(cycle.loss_mah_per_g, 1),
      percent(cycle.coulombic_efficiency),
      percent(cycle.retention),
    ];
  }
}

export class StepTable extends Table {
  constructor() {
    super("step-rows");
  }

  cells(step) {
    return [
      String(step.step),
      words(step.technique),
      duration(step.duration_s),
      signed(step.charge_ah == null ? NaN : 1e6 * step.charge_ah, 1),
      number(step.capacity_mah_per_g, 1),
      number(step.mean_voltage_v, 3),
      number(step.end_voltage_v, 3),
    ];
  }
}

function row(texts, flags) {
  const line = document.createElement("tr");
  texts.forEach((text, k) => {
    const cell = document.createElement(k === 0 ? "th" : "td");
    if (k === 0) cell.scope = "row";
    cell.textContent = text;
    line.append(cell);
  });
  if (flags.length) {
    line.dataset.tone = "warn";
    line.title = flags.join("; ");
    line.firstElementChild.prepend(`${mark("warn")} `);
  }
  return line;
}
