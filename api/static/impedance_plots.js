// Spectra of the impedance: the Nyquist plot of one, and the fitted arcs over the state of charge.

import { Chart } from "./chart.js";
import { Chooser } from "./chooser.js";
import { nearest } from "./cycle_plots.js";
import { number, percent } from "./format.js";
import { span } from "./scales.js";

const ARCS = [["cathode", "current"], ["anode", "voltage"], ["series", "ink-3"]];

export class NyquistPlot {
  constructor() {
    this.chart = new Chart(document.getElementById("nyquist-plot"));
    this.note = document.getElementById("nyquist-note");
    this.facts = document.getElementById("nyquist-facts");
    this.chooser = new Chooser("nyquist-slider", () => this.show(this.spectra));
  }

  has(spectra) {
    return spectra.some(({ z_real_ohm: real }) => real.length);
  }

  show(spectra) {
    this.spectra = spectra;
    const known = spectra.filter((spectrum) => this.has([spectrum]));
    const chosen = this.chooser.choose(known, (spectrum) => `spectrum ${spectrum.spectrum}`);
    this.note.textContent = titleOf(chosen);
    this.facts.textContent = factsOf(chosen);
    const heights = chosen.z_imag_ohm.map((value) => -value);
    this.chart.show({
      equal: true,
      x: { range: [0, 1.06 * Math.max(...chosen.z_real_ohm)], label: "Z′, Ω" },
      panes: [{
        label: "−Z″, Ω",
        range: [Math.min(0, 1.1 * Math.min(...heights)), 1.15 * Math.max(...heights, 1e-9)],
        lines: chosen.fit ? [{ x: chosen.fit.z_real_ohm, y: chosen.fit.z_imag_ohm.map((value) => -value), colour: "seen" }] : [],
        points: chosen.z_real_ohm.map((x, k) => ({ x, y: -chosen.z_imag_ohm[k], colour: "ink-2", open: "ring", size: 2.6 })),
      }],
      readout: (x, y) => pointText(chosen, x, y),
    });
  }
}

function titleOf({ spectrum, soc, complete }) {
  const at = soc == null ? "" : ` · SOC ${percent(soc)} %`;
  return `spectrum ${spectrum}${at}${complete ? "" : " · incomplete"}`;
}

function factsOf({ fit, flags, kk_residual: residual }) {
  const test = residual == null ? "" : `Kramers-Kronig residual ${percent(residual, 2)} %`;
  const arcs = fit
    ? `cathode ${resistance(fit, "cathode")}, anode ${resistance(fit, "anode")}, series ${resistance(fit, "series")}`
    : "not fitted";
  return [arcs, test, ...flags].filter(Boolean).join(" · ");
}

function resistance(fit, name) {
  const error = fit[`${name}_error_ohm`];
  return `${number(fit[`${name}_ohm`], 1)}${error == null ? "" : ` ± ${number(error, error < 0.1 ? 2 : 1)}`} Ω`;
}

function pointText({ frequency_hz: frequency, z_real_ohm: real, z_imag_ohm: imaginary }, x, y) {
  const k = nearest(real.map((value, n) => Math.hypot(value - x, -imaginary[n] - y)), (far) => far);
  return `${frequencyText(frequency[k])}   ${number(real[k], 1)} Ω   ${number(-imaginary[k], 1)} Ω`;
}

function frequencyText(hertz) {
  const [value, unit] = hertz >= 1000 ? [hertz / 1000, "kHz"] : hertz >= 1 ? [hertz, "Hz"] : [1000 * hertz, "mHz"];
  return `${value.toPrecision(3)} ${unit}`;
}

export class ArcPlot {
  constructor() {
    this.chart = new Chart(document.getElementById("arcs-plot"));
  }

  has(spectra) {
    return fittedOf(spectra).length > 0;
  }

  show(spectra) {
    const fitted = fittedOf(spectra).sort((a, b) => a.soc - b.soc);
    const x = fitted.map(({ soc }) => 100 * soc);
    const value = (name) => fitted.map(({ fit }) => fit[`${name}_ohm`]);
    this.chart.show({
      x: { range: span(x, { least: 5, pad: 0.05 }), label: "SOC counted, %" },
      panes: [{
        label: "resistance, Ω",
        range: [0, 1.1 * Math.max(...ARCS.flatMap(([name]) => value(name)))],
        lines: ARCS.map(([name, colour]) => ({ x, y: value(name), colour, width: 1 })),
        points: ARCS.flatMap(([name, colour]) => fitted.map(({ fit, flags }, k) => ({
          x: x[k], y: fit[`${name}_ohm`], error: fit[`${name}_error_ohm`], colour, size: 3, open: flags.length > 0,
        }))),
      }],
      readout: (at) => {
        const { soc, fit } = fitted[nearest(x, (one) => Math.abs(one - at))];
        return `${percent(soc)} %   ${ARCS.map(([name]) => `${name} ${number(fit[`${name}_ohm`], 1)} Ω`).join("   ")}`;
      },
    });
  }
}

const fittedOf = (spectra) =>
  spectra.filter(({ fit, soc }) => fit && soc != null && ARCS.every(([name]) => Number.isFinite(fit[`${name}_ohm`])));
