// Diffusion coefficients of a GITT over the state of charge; what must not be trusted is hollow.

import { Chart } from "./chart.js";
import { nearest } from "./cycle_plots.js";
import { percent } from "./format.js";
import { logSpan, powerText, span } from "./scales.js";

export class GittPlot {
  constructor() {
    this.chart = new Chart(document.getElementById("gitt-plot"));
    this.note = document.getElementById("gitt-note");
  }

  has(pulses) {
    return knownOf(pulses).length > 0;
  }

  show(pulses) {
    const known = knownOf(pulses);
    const doubtful = known.filter(({ flags }) => flags.length).length;
    this.note.textContent = `${known.length} pulse${known.length === 1 ? "" : "s"}${doubtful ? ` · hollow: ${doubtful} not valid` : ""}`;
    const ends = known.flatMap(({ diffusion_cm2_per_s: value, diffusion_error_cm2_per_s: error }) => [value, value - (error ?? 0), value + (error ?? 0)]);
    this.chart.show({
      left: 68,
      x: { range: span(known.map(({ soc }) => 100 * soc), { least: 5, pad: 0.05 }), label: "SOC counted, %" },
      panes: [{
        label: "D, cm²/s",
        log: true,
        range: logSpan(ends),
        points: known.map((pulse) => ({
          x: 100 * pulse.soc, y: pulse.diffusion_cm2_per_s, error: pulse.diffusion_error_cm2_per_s,
          colour: "seen", open: pulse.flags.length > 0,
        })),
      }],
      readout: (at) => pulseText(known[nearest(known, ({ soc }) => Math.abs(100 * soc - at))]),
    });
  }
}

function pulseText({ pulse, soc, diffusion_cm2_per_s: value, flags }) {
  return [`pulse ${pulse}   ${percent(soc)} %   ${powerText(value)} cm²/s`, ...flags].join("\n");
}

const knownOf = (pulses) => pulses.filter(({ soc, diffusion_cm2_per_s: value }) => soc != null && value > 0);
