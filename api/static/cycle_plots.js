// What cycles look like: capacity over their number, dQ/dV, and voltammograms with their peaks.

import { Chart } from "./chart.js";
import { Chooser } from "./chooser.js";
import { number, percent, signed } from "./format.js";
import { span } from "./scales.js";

const MILLI = 1e3;
const MICRO = 1e6;
const REFERENCE_DASH = [4, 3];

const REDOX = { charge: "oxidation", discharge: "reduction" };

export class CapacityPlot {
  constructor() {
    this.chart = new Chart(document.getElementById("capacity-plot"));
  }

  has(cycles) {
    return cycles.length > 1;
  }

  show(cycles) {
    const x = cycles.map((cycle) => cycle.cycle);
    const efficiency = cycles.map((cycle) => 100 * (cycle.coulombic_efficiency ?? NaN));
    const pick = (name) => cycles.map((cycle) => cycle[name] ?? NaN);
    const [charge, discharge] = [pick("charge_mah_per_g"), pick("discharge_mah_per_g")];
    const size = cycles.length > 30 ? 1.8 : 3;
    const points = (y, colour, open) => x.map((at, k) => ({ x: at, y: y[k], colour, size, open })).filter(({ y: value }) => Number.isFinite(value));
    this.chart.show({
      x: { range: span(x, { least: 1, pad: 0.05 }), label: "cycle", whole: true },
      panes: [
        { label: "capacity, mAh/g", share: 0.64, range: span([...charge, ...discharge], { least: 5, pad: 0.08 }) ?? [0, 1], points: [...points(charge, "current", true), ...points(discharge, "voltage")] },
        { label: "efficiency, %", share: 0.36, range: span(efficiency, { least: 2, pad: 0.12 }) ?? [0, 100], lines: [{ x, y: efficiency, colour: "seen" }], points: points(efficiency, "seen") },
      ],
      readout: (at) => {
        const cycle = cycles[nearest(x, (value) => Math.abs(value - at))];
        return `cycle ${cycle.cycle}   ${number(cycle.discharge_mah_per_g, 1)} mAh/g   ${percent(cycle.coulombic_efficiency)} %`;
      },
    });
  }
}

export class DifferentialPlot {
  constructor() {
    this.chart = new Chart(document.getElementById("dqdv-plot"));
    this.note = document.getElementById("dqdv-note");
    this.chooser = new Chooser("dqdv-slider", () => this.show(this.cycles));
  }

  has(cycles) {
    return cycles.some(({ dqdv }) => [dqdv?.charge, dqdv?.discharge].some((half) => half?.voltage_v.length));
  }

  show(cycles) {
    this.cycles = cycles;
    const known = cycles.filter((cycle) => this.has([cycle]));
    const chosen = this.chooser.choose(known, (cycle) => `cycle ${cycle.cycle}`);
    const lines = known[0] === chosen ? halves(chosen) : [...halves(known[0], REFERENCE_DASH), ...halves(chosen)];
    this.note.textContent = `cycle ${chosen.cycle}${known[0] === chosen ? "" : ` · dashed: cycle ${known[0].cycle}`}`;
    this.chart.show({
      x: { range: span(lines.flatMap(({ x }) => x), { least: 0.1, pad: 0.02 }), label: "voltage, V" },
      panes: [{
        label: "dQ/dV, mAh/V",
        range: span([0, ...lines.flatMap(({ y }) => y)].filter(Number.isFinite), { least: 1e-3 }),
        lines: [{ x: [0, 10], y: [0, 0], colour: "ink-3", width: 1 }, ...lines],
      }],
      readout: (volt, value) => `${number(volt, 3)} V   ${number(value, 2)} mAh/V`,
    });
  }
}

function halves({ dqdv }, dash = []) {
  const wide = dash.length ? 1 : 1.6;
  return [[dqdv.charge, "current"], [dqdv.discharge, "voltage"]]
    .filter(([half]) => half?.voltage_v.length)
    .map(([half, colour]) => ({ x: half.voltage_v, y: half.dqdv_ah_per_v.map((value) => (value == null ? NaN : MILLI * value)), colour, dash, width: wide }));
}

export class VoltammogramPlot {
  constructor() {
    this.chart = new Chart(document.getElementById("voltammogram-plot"));
    this.note = document.getElementById("voltammogram-note");
    this.peaks = document.getElementById("voltammogram-peaks");
    this.chooser = new Chooser("voltammogram-slider", () => this.show(this.scans));
  }

  has(scans) {
    return scans.some(({ trace }) => trace?.voltage_v.length);
  }

  show(scans) {
    this.scans = scans;
    const known = scans.filter((scan) => this.has([scan]));
    const chosen = this.chooser.choose(known, (scan) => `cycle ${scan.cycle}`);
    const lines = [trace(chosen)];
    if (known[0] !== chosen) lines.unshift(trace(known[0], REFERENCE_DASH));
    this.note.textContent = noteOf(chosen);
    this.peaks.textContent = peaksInWords(chosen);
    this.chart.show({
      x: { range: span(lines.flatMap(({ x }) => x), { least: 0.1, pad: 0.02 }), label: "voltage, V" },
      panes: [{
        label: "current, µA",
        range: span([0, ...lines.flatMap(({ y }) => y)].filter(Number.isFinite), { least: 1 }),
        lines: [{ x: [0, 10], y: [0, 0], colour: "ink-3", width: 1 }, ...lines],
        points: chosen.peaks.map((peak) => ({ x: peak.potential_v, y: MICRO * peak.current_a, colour: "current", size: 4 })),
      }],
      readout: (volt) => peakText(chosen.peaks, volt),
    });
  }
}

function trace({ trace: { voltage_v: x, current_a: current } }, dash = []) {
  return { x, y: current.map((value) => MICRO * value), colour: "voltage", dash, width: dash.length ? 1 : 1.6 };
}

function noteOf({ cycle, separation_v: apart }) {
  return `cycle ${cycle}${apart == null ? "" : ` · peaks ${number(MILLI * apart, 0)} mV apart`}`;
}

function peaksInWords({ peaks, flags }) {
  const found = peaks.map(({ direction, potential_v: at, half_width_v: wide }) =>
    `${REDOX[direction]} ${number(at, 3)} V${wide == null ? "" : `, ${number(MILLI * wide, 0)} mV wide`}`);
  return [...found, ...flags].join(" · ");
}

function peakText(peaks, volt) {
  if (!peaks.length) return `${number(volt, 3)} V`;
  const { direction, potential_v: at, current_a: current, half_width_v: wide } = peaks[nearest(peaks, (peak) => Math.abs(peak.potential_v - volt))];
  const width = wide == null ? "" : `   ${number(MILLI * wide, 0)} mV wide`;
  return `${REDOX[direction]} ${number(at, 3)} V   ${signed(MICRO * current, 1)} µA${width}`;
}

export function nearest(list, far) {
  return list.reduce((best, one, k) => (far(one) < far(list[best]) ? k : best), 0);
}
