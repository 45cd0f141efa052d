// The head of the page: state, progress, age of what is shown, and the row of instruments.

import { clock, duration, mark, number, percent, signed, words, workerTone } from "./format.js";

const PHASES = {
  idle: "waiting", charging: "charging", programme: "in its programme", dark: "dark frames", flat: "flats", primary: "scanning", finished: "finished",
};
const CELL_TONES = { running: "good", held: "warn", lost: "bad", finished: "quiet", open_circuit: "quiet" };

const OLD_S = 15;

const put = (id, text) => {
  document.getElementById(id).textContent = text;
};

export function renderHead(status) {
  const { worker, experiment } = status;
  const pill = document.getElementById("worker");
  pill.textContent = words(worker.state);
  pill.dataset.tone = workerTone(worker.state);
  pill.title = worker.reason ?? "";
  put("cell-name", experiment ? experiment.cell || words(experiment.plan) : "no experiment");
  document.body.classList.toggle("cell-alone", experiment?.scans_planned === 0);
  put("phase", experiment ? phaseText(experiment) : "");
  document.getElementById("fraction").value = experiment?.fraction ?? 0;
  put("eta", experiment ? etaText(experiment) : "");
  const state = experiment && experiment.phase !== "finished" ? PHASES[experiment.phase] : words(worker.state).toLowerCase();
  document.title = experiment ? `${percent(experiment.fraction, 0)} % ${state} – operando` : "operando";
}

function phaseText({ phase, scan_index: index, scans_planned: planned, scans_done: done, exit_status: status }) {
  const scans = planned ? ` · ${done} scans` : "";
  if (phase === "finished") return `${status === "success" ? "finished" : `ended: ${status}`}${scans}`;
  const scan = index == null ? "" : ` · scan ${index + 1} of ${planned}`;
  return `${PHASES[phase]}${scan}`;
}

function etaText({ fraction, eta_s: eta, stop_unix_s: stop }) {
  const part = `${percent(fraction, 0)} %`;
  if (stop) return `${part} · ended ${clock(stop)}`;
  return eta == null ? part : `${part} · ${duration(eta)} to go (${clock(Date.now() / 1000 + eta)})`;
}

// ageMs: since the session was last heard of.
export function renderLive(status, ageMs, stale) {
  const live = document.getElementById("live");
  const lost = status?.worker.state === "LOST";
  live.dataset.tone = stale || lost ? "bad" : "good";
  const seconds = number(ageMs / 1000, ageMs < 10_000 ? 1 : 0);
  live.lastElementChild.textContent = stale ? `STALE ${seconds} s` : lost ? "ENGINE LOST" : `live ${seconds} s`;
}

export function renderCell({ cell }) {
  put("voltage", number(cell.voltage_v, 3));
  put("current", signed(cell.current_a == null ? NaN : 1e6 * cell.current_a, 1));
  put("counted", percent(cell.counted_soc));
  put("margin", number(cell.margin_v, 3));
  const age = cell.age_s == null ? "" : ` · ${cell.age_s < 60 ? `${number(cell.age_s, 1)} s` : duration(cell.age_s)} ago`;
  // What was measured long ago is shown, but not as if it were now.
  document.getElementById("cell-numbers").classList.toggle("old", cell.state !== "running" && cell.age_s > OLD_S);
  put("cell-state", `${words(cell.state)}${age}`);
}

export function renderInstruments(status) {
  const rows = [beam, shutter, mono, camera, heater, potentiostat, fit, archive].map((make) => make(status));
  document.getElementById("instruments").replaceChildren(...rows.map(item));
}

function item([name, tone, text, address]) {
  const li = document.createElement("li");
  li.dataset.tone = tone;
  const [sign, label, value] = ["i", "span", "b"].map((tag) => document.createElement(tag));
  sign.textContent = mark(tone);
  sign.ariaHidden = "true";
  label.textContent = name;
  value.textContent = text;
  if (address) value.replaceChildren(linkTo(address, text));
  li.append(sign, label, value);
  return li;
}

function linkTo(address, text) {
  const link = document.createElement("a");
  Object.assign(link, { href: address, target: "_blank", rel: "noopener", textContent: text });
  return link;
}

// An address on the loopback leads somewhere only from the machine itself.
function reachable(address) {
  if (!address || !URL.canParse(address)) return "";
  const { protocol, hostname } = new URL(address);
  const near = (name) => ["localhost", "127.0.0.1", "[::1]"].includes(name);
  const known = ["http:", "https:"].includes(protocol) && (near(location.hostname) || !near(hostname));
  return known ? address : "";
}

const connected = (status, name, text) =>
  status.devices[name] === false ? [name, "bad", "disconnected"] : [name, text ? "good" : "quiet", text || "no reading"];

function beam({ beam: { ring_current_ma: current } }) {
  if (current == null) return ["beam", "quiet", "no reading"];
  return ["beam", current < 50 ? "bad" : "good", `${number(current, 1)} mA`];
}

function shutter({ beam: { shutter_open: open } }) {
  return ["shutter", open ? "good" : "quiet", open == null ? "no reading" : open ? "open" : "closed"];
}

function mono(status) {
  const { mono_energy_ev: energy, mono_label_ev: label } = status.beam;
  return connected(status, "mono", energy == null ? "" : `${number(energy, 1)} eV (label ${number(label, 0)})`);
}

function camera(status) {
  const total = status.camera.frames_total;
  return connected(status, "camera", total ? `${total} frames` : "");
}

function heater({ beam: { heater_temperature_c: temperature } }) {
  return ["heater", temperature == null ? "quiet" : "good", temperature == null ? "no reading" : `${number(temperature, 1)} °C`];
}

function potentiostat({ cell: { state } }) {
  return ["potentiostat", CELL_TONES[state] ?? "quiet", words(state)];
}

function fit({ processes }) {
  const state = processes.fitting?.state ?? processes.soc?.state;
  return ["fit", state === "running" ? "good" : state ? "warn" : "quiet", state ?? "not started"];
}

function archive({ archive: { lag_documents: lag, tiled_up: up, uri } }) {
  if (up == null) return ["tiled", "quiet", "not started"];
  if (!up) return ["tiled", "warn", "no answer; nothing is lost"];
  return ["tiled", lag > 1000 ? "warn" : "good", lag ? `${lag} behind` : "up to date", reachable(uri)];
}
