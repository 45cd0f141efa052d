// Diffusion coefficients of a GITT over the state of charge; what must not be trusted is hollow.

import { Chart } from "./chart.js";
import { nearest } from "./cycle_plots.js";
import { percent } from "./format.js";
import { logSpan, powerText, span } from "./scales.js";

// The formula for a plane is wrong by this in spheres, and the solution for spheres is not.
const OF_A_PLANE_ONLY = "spherical bias";

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
    this.note.textContent = `${known.length} pulse${known.length === 1 ? "" : "s"}${doubtful ? ` · hollow: ${doubtful} flagged` : ""}`;
    const points = [...known.filter(({ spherical_cm2_per_s: value }) => value > 0).map(ofSpheres), ...known.map(ofPlane)];
    const ends = points.flatMap(({ y, error }) => [y, y - (error ?? 0), y + (error ?? 0)]);
    this.chart.show({
      x: { range: span(known.map(({ soc }) => 100 * soc), { least: 5, pad: 0.05 }), label: "SOC counted, %" },
      panes: [{ label: "D, cm²/s", log: true, range: logSpan(ends), points }],
      readout: (at) => pulseText(known[nearest(known, ({ soc }) => Math.abs(100 * soc - at))]),
    });
  }
}

function ofPlane({ soc, flags, diffusion_cm2_per_s: y, diffusion_error_cm2_per_s: error }) {
  return { x: 100 * soc, y, error, colour: "seen", open: flags.length > 0 };
}

function ofSpheres({ soc, flags, spherical_cm2_per_s: y }) {
  const open = flags.some((flag) => !flag.startsWith(OF_A_PLANE_ONLY));
  return { x: 100 * soc, y, colour: "current", size: 2.6, open };
}

function pulseText({ pulse, soc, diffusion_cm2_per_s: plane, spherical_cm2_per_s: spheres, flags }) {
  const values = [`plane ${powerText(plane)}`, ...(spheres > 0 ? [`spheres ${powerText(spheres)}`] : [])];
  return [`pulse ${pulse}   ${percent(soc)} %   ${values.join("   ")} cm²/s`, ...flags].join("\n");
}

const knownOf = (pulses) => pulses.filter(({ soc, diffusion_cm2_per_s: value }) => soc != null && value > 0);
