// Where in its programme the cell is, in a line of words.

import { duration, number, signed, words } from "./format.js";

export function renderProgramme({ programme, step, steps, cycle, technique, state }) {
  const line = document.getElementById("programme");
  line.hidden = !(steps > 1 || programme);
  if (line.hidden) return;
  const place = `step ${step} of ${steps}, cycle ${cycle}`;
  const doing = state === "running" && technique ? techniqueText(technique) : "";
  document.getElementById("programme-name").textContent = programme || "programme";
  document.getElementById("programme-step").textContent = place;
  document.getElementById("programme-technique").textContent = doing;
}

function techniqueText(technique) {
  const { current_a: current, until_voltage_v: limit, voltage_v: voltage, max_duration_s: longest } = technique;
  const name = words(technique.technique);
  if (voltage != null) return `${name} at ${number(voltage, 3)} V`;
  if (current != null) return `${name} ${signed(1e6 * current, 1)} µA${limit == null ? "" : ` to ${number(limit, 3)} V`}`;
  const still = ["open_circuit", "rest"].includes(technique.technique) && longest != null;
  return still ? `${name} for ${duration(longest)}` : name;
}
