// What the scans say: seen against counted state of charge, and the spectrum of one scan.

import { Chart } from "./chart.js";
import { number, percent, signed } from "./format.js";
import { span } from "./scales.js";

export class ScanPlots {
  constructor() {
    this.parity = new Chart(document.getElementById("parity-plot"));
    this.difference = new Chart(document.getElementById("difference-plot"));
    this.spectrum = new Chart(document.getElementById("spectrum-plot"));
    this.note = document.getElementById("compare-note");
    this.scanNote = document.getElementById("scan-note");
    this.spectrumNote = "";
    this.energies = document.getElementById("energies");
  }

  compare(scans) {
    const fitted = scans.filter((scan) => scan.mean_soc != null && scan.counted_soc != null);
    const empty = fitted.length ? "" : "No scan has been fitted yet";
    this.parity.show(empty ? { empty } : parity(fitted));
    this.difference.show(empty ? { empty: " " } : difference(fitted));
    const last = fitted.at(-1);
    this.note.textContent = last
      ? `scan ${last.index + 1}: seen ${percent(last.mean_soc)} %, counted ${percent(last.counted_soc)} %` : "";
  }

  // spectra: [{ spectrum, colour, dash }], the chosen scan last.
  showSpectra(spectra) {
    this.spectrumNote = noteOf(spectra);
    if (!spectra.length) return this.spectrum.show({ empty: "No spectrum yet" });
    const values = spectra.flatMap(({ spectrum }) => spectrum.optical_density);
    const newest = spectra.at(-1);
    this.spectrum.show({
      x: energyAxis(newest.spectrum),
      panes: [{
        label: "mean optical density",
        range: span(values, { least: 0.1, pad: 0.08 }),
        lines: spectra.map(({ spectrum, colour, dash }) => ({ x: spectrum.energy_labels_ev, y: spectrum.optical_density, colour, dash })),
        points: newest.spectrum.energy_labels_ev.map((x, k) => ({ x, y: newest.spectrum.optical_density[k], colour: newest.colour, size: 2.6 })),
      }],
      readout: (energy) => {
        const { energy_labels_ev: labels, optical_density: density } = newest.spectrum;
        const k = labels.reduce((best, label, n) => (Math.abs(label - energy) < Math.abs(labels[best] - energy) ? n : best), 0);
        return `${number(labels[k], 0)} eV   ${number(density[k], 3)}`;
      },
    });
  }

  showProgress(experiment) {
    const scanning = ["dark", "flat", "primary"].includes(experiment?.phase);
    const total = experiment?.phase === "primary" ? experiment.frames : 12;
    const done = experiment?.phase === "primary" ? experiment.frame : 0;
    this.energies.hidden = !scanning;
    this.energies.replaceChildren(...Array.from({ length: scanning ? total : 0 }, (_, k) => tick(k, done)));
    this.scanNote.textContent = scanning ? inWords(experiment) : this.spectrumNote;
  }
}

// The ticks are energies that were taken: 8033, 8037 ... 8055, not round numbers between them.
function energyAxis({ window_labels_ev: labels, axis_offset_ev: offset }) {
  const every = Math.max(1, Math.ceil(labels.length / 6));
  const last = labels.length - 1;
  const ticks = labels.filter((_, k) => k === last || (k % every === 0 && last - k >= every));
  const physical = offset ? ` (photon energy − ${number(offset, 0)})` : "";
  return {
    range: [labels[0] - 1, labels.at(-1) + 1],
    label: `energy label, eV${physical}`,
    ticks: { ticks, digits: 0 },
  };
}

function noteOf(spectra) {
  const names = spectra.map(({ spectrum, dash }) => `${dash.length ? "dashed: " : ""}scan ${spectrum.scan_index + 1}`);
  return names.reverse().join(" · ");
}

function tick(k, done) {
  const item = document.createElement("li");
  item.className = k < done - 1 ? "done" : k === done - 1 ? "now" : "";
  item.textContent = `${k + 1}${k < done ? " taken" : ""}`;
  return item;
}

function inWords({ scan_index: index, phase, frame, frames, energy_label_ev: label }) {
  const names = { dark: "dark frames", flat: "flats", primary: "energies" };
  const at = label == null ? "" : ` · ${number(label, 0)} eV`;
  return `scan ${index + 1} · ${names[phase]} ${frame} of ${frames}${at}`;
}

function points(fitted, y, unit = 1) {
  return fitted.map((scan) => ({
    x: scan.counted_soc, y: y(scan), error: unit * scan.sigma_mean, open: !scan.complete, colour: "seen",
  }));
}

function parity(fitted) {
  const most = Math.max(1, ...fitted.map((scan) => Math.max(scan.mean_soc, scan.counted_soc)));
  const range = [-0.04, most + 0.04];
  return {
    x: { range, label: "SOC counted" },
    panes: [{
      label: "SOC seen", range,
      lines: [{ x: [0, most], y: [0, most], colour: "ink-3", dash: [4, 4], width: 1 }],
      points: points(fitted, (scan) => scan.mean_soc),
    }],
    readout: (x) => nearest(fitted, x, (scan) => `counted ${percent(scan.counted_soc)} %   seen ${percent(scan.mean_soc)} %`),
  };
}

function difference(fitted) {
  const apart = (scan) => 100 * (scan.mean_soc - scan.counted_soc);
  const most = Math.max(0.4, ...fitted.map((scan) => Math.abs(apart(scan)) + 100 * (scan.sigma_mean ?? 0)));
  return {
    x: { range: [-0.04, Math.max(1, ...fitted.map((scan) => scan.counted_soc)) + 0.04], label: "SOC counted" },
    panes: [{
      label: "difference, % SOC", range: [-most * 1.15, most * 1.15],
      lines: [{ x: [-1, 2], y: [0, 0], colour: "ink-3", dash: [4, 4], width: 1 }],
      points: points(fitted, apart, 100),
    }],
    readout: (x) => nearest(fitted, x, (scan) => `scan ${scan.index + 1}   ${signed(apart(scan), 2)} ± ${percent(scan.sigma_mean, 2)} %`),
  };
}

function nearest(fitted, x, text) {
  const far = (scan) => Math.abs(scan.counted_soc - x);
  return text(fitted.reduce((best, scan) => (far(scan) < far(best) ? scan : best)));
}
