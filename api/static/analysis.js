// What was found of each step of the programme: kept by its kind, and shown where there is something.

import { CycleTable, StepTable } from "./analysis_tables.js";
import { CapacityPlot, DifferentialPlot, VoltammogramPlot } from "./cycle_plots.js";
import { number, percent } from "./format.js";
import { GittPlot } from "./gitt_plot.js";
import { ArcPlot, NyquistPlot } from "./impedance_plots.js";

const LISTS = { step: "steps", cycle: "cycles", gitt: "gitt", impedance: "impedance", voltammetry: "voltammetry" };

export class Analysis {
  constructor() {
    this.place = document.getElementById("electro");
    this.note = document.getElementById("electro-note");
    this.cards = [
      new Card("cycles-card", "cycle", new CycleTable()),
      new Card("capacity-card", "cycle", new CapacityPlot()),
      new Card("dqdv-card", "cycle", new DifferentialPlot()),
      new Card("nyquist-card", "impedance", new NyquistPlot()),
      new Card("arcs-card", "impedance", new ArcPlot()),
      new Card("gitt-card", "gitt", new GittPlot()),
      new Card("voltammogram-card", "voltammetry", new VoltammogramPlot()),
      new Card("steps-card", "step", new StepTable()),
    ];
    this.clear("");
  }

  clear(programme) {
    this.programme = programme;
    this.found = Object.fromEntries(Object.keys(LISTS).map((kind) => [kind, new Map()]));
  }

  load(answer) {
    this.clear(answer.programme_uid);
    for (const [kind, list] of Object.entries(LISTS)) {
      for (const element of answer[list]) this.add(kind, element);
    }
    this.draw();
  }

  // An event of type "analysis"; false when it is of another programme than the one shown.
  take({ kind, programme_uid: programme, ...element }) {
    if (programme !== this.programme) return false;
    this.add(kind, element);
    return true;
  }

  add(kind, element) {
    const { step, cycle, spectrum, pulse } = element;
    this.found[kind]?.set(`${step} ${cycle} ${spectrum ?? pulse ?? ""}`, element);
  }

  draw() {
    const lists = Object.fromEntries(Object.entries(this.found).map(([kind, all]) => [kind, [...all.values()]]));
    const something = Object.values(lists).some((list) => list.length);
    this.place.hidden = !something;
    document.body.classList.toggle("has-analysis", something);
    for (const card of this.cards) card.show(lists[card.kind]);
    this.note.textContent = summary(lists);
  }
}

class Card {
  constructor(id, kind, content) {
    this.place = document.getElementById(id);
    Object.assign(this, { kind, content });
  }

  show(list) {
    this.place.hidden = !this.content.has(list);
    if (!this.place.hidden) this.content.show(list);
  }
}

function summary({ step, cycle, gitt, impedance, voltammetry }) {
  const counts = [[step, "step"], [impedance, "spectrum", "spectra"], [gitt, "pulse"], [voltammetry, "voltammogram"]]
    .filter(([list]) => list.length)
    .map(([list, one, many = `${one}s`]) => `${list.length} ${list.length === 1 ? one : many}`);
  const last = cycle.at(-1);
  if (!last) return counts.join(" · ");
  const efficiency = `Coulombic efficiency ${percent(last.coulombic_efficiency)} %`;
  return [`cycle ${last.cycle}: ${number(last.discharge_mah_per_g, 1)} mAh/g discharged, ${efficiency}`, ...counts].join(" · ");
}
