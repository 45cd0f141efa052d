// The page: asks for everything once, then follows the events. It draws; it never computes science.

import { Analysis } from "./analysis.js";
import { CellRecord } from "./cell_record.js";
import { Controls } from "./controls.js";
import { EventList } from "./event_list.js";
import { MapView } from "./map_view.js";
import { renderCell, renderHead, renderInstruments, renderLive } from "./overview.js";
import { renderProgramme } from "./programme.js";
import { ScanPlots } from "./scan_plots.js";
import { askJson, follow, throttled } from "./wire.js";

const STALE_MS = 5000;
const NO_EXPERIMENT = "No experiment yet.\nStart one on the command line:\noperando run operando_charge -p c_rate=0.2";
const NO_MAP = "The first map appears\nat the fourth energy of the first scan.";

const cell = new CellRecord();
const plots = new ScanPlots();
const map = new MapView();
const controls = new Controls();
const events = new EventList();
const analysis = new Analysis();

const slider = document.getElementById("scan-slider");
const latest = document.getElementById("scan-latest");

let status = null;
let scans = [];
let heardMs = performance.now();
let experimentUid;
let following = true;

const isStale = () => performance.now() - heardMs > STALE_MS;

function heard(work) {
  return (data) => {
    heardMs = performance.now();
    work(data);
  };
}

async function loadStatus() {
  status = await askJson("/status");
  heardMs = performance.now();
  if (experimentUid !== (status.experiment?.uid ?? null)) {
    experimentUid = status.experiment?.uid ?? null;
    await loadExperiment();
  }
  renderStatus();
}

async function loadExperiment() {
  cell.load(await askJson("/echem"));
  following = true;
  await loadScans();
  await loadMap();
}

async function loadAnalysis() {
  analysis.load(await askJson("/analysis"));
}

async function loadProgramme() {
  renderProgramme(await askJson("/cell"));
}

async function loadScans() {
  scans = await askJson("/scans");
  plots.compare(scans);
  events.scans(scans);
  cell.draw(scans);
  renderSlider();
}

async function loadMap() {
  const fitted = scans.filter((scan) => scan.n_energies > 0);
  if (!fitted.length) {
    map.empty(status?.experiment ? NO_MAP : NO_EXPERIMENT);
    plots.showSpectra([]);
    return;
  }
  const chosen = fitted[Math.min(Number(slider.value), fitted.length - 1)];
  await map.show(following ? "latest" : chosen.index);
  await loadSpectra(fitted, chosen);
}

// The first scan stays as a reference beside the chosen one.
async function loadSpectra(fitted, chosen) {
  const wanted = fitted[0] === chosen ? [chosen] : [fitted[0], chosen];
  const found = await Promise.all(wanted.map((scan) => askJson(`/scans/${scan.index}/spectrum`)));
  plots.showSpectra(found.map((spectrum, k) => {
    const newest = k === found.length - 1;
    return { spectrum, colour: newest ? "seen" : "ink-3", dash: newest ? [] : [4, 3] };
  }));
}

function renderStatus() {
  const stale = isStale();
  renderHead(status);
  renderCell(status);
  renderInstruments(status);
  plots.showProgress(status.experiment);
  controls.render(status, stale);
  events.experiment(status.experiment);
  events.alarms(status.alarms);
  events.render();
  renderLive(status, performance.now() - heardMs, stale);
}

function renderSlider() {
  const fitted = scans.filter((scan) => scan.n_energies > 0);
  const last = Math.max(0, fitted.length - 1);
  slider.max = String(last);
  if (following) slider.value = String(last);
  const chosen = fitted[Number(slider.value)];
  slider.setAttribute("aria-valuetext", chosen ? `scan ${chosen.index + 1}` : "none");
  slider.disabled = fitted.length < 2;
  document.getElementById("scan-before").disabled = slider.disabled || slider.value === "0";
  document.getElementById("scan-after").disabled = slider.disabled || Number(slider.value) === last;
  latest.setAttribute("aria-pressed", String(following));
  latest.disabled = !fitted.length;
}

function choose(value) {
  following = value == null;
  if (!following) slider.value = String(value);
  renderSlider();
  refreshMap();
}

// A question that fails is asked again by the next tick; the header says how old everything is.
const quietly = (work) => async () => {
  try {
    await work();
  } catch (error) {
    console.info(String(error));
  }
};

const refreshStatus = throttled(quietly(loadStatus), 250);
const refreshScans = throttled(quietly(loadScans), 400);
const refreshMap = throttled(quietly(loadMap), 150);
const redrawCell = throttled(async () => cell.draw(scans), 150);
const refreshProgramme = throttled(quietly(loadProgramme), 300);
const refreshAnalysis = throttled(quietly(loadAnalysis), 1000);
const redrawAnalysis = throttled(async () => analysis.draw(), 300);
const reload = throttled(quietly(async () => {
  experimentUid = undefined;
  await loadStatus();
  await loadProgramme();
  await loadAnalysis();
}), 500);

follow({
  hello: heard(reload),
  reset: heard(reload),
  echem: heard((data) => {
    if (cell.take(data)) redrawCell();
    else reload();
    if (data.programme_uid !== analysis.programme) refreshAnalysis();
  }),
  soc: heard(() => {
    refreshScans();
    if (following) refreshMap();
  }),
  doc: heard(({ name }) => {
    refreshStatus();
    if (name === "start" || name === "stop") refreshScans();
  }),
  worker: heard((data) => {
    events.worker(data);
    refreshStatus();
  }),
  cell: heard((data) => {
    events.cell(data);
    refreshStatus();
    refreshProgramme();
    if (data.programme_uid !== analysis.programme) refreshAnalysis();
  }),
  analysis: heard((data) => (analysis.take(data) ? redrawAnalysis() : refreshAnalysis())),
  task: heard(refreshStatus),
  alarm: heard(refreshStatus),
});

slider.addEventListener("input", () => choose(Number(slider.value)));
latest.addEventListener("click", () => choose(null));
document.getElementById("scan-before").addEventListener("click", () => choose(Number(slider.value) - 1));
document.getElementById("scan-after").addEventListener("click", () => choose(Number(slider.value) + 1));

reload();
setInterval(refreshStatus, 1000);
setInterval(() => {
  renderLive(status, performance.now() - heardMs, isStale());
  if (status && isStale()) controls.render(status, true);
}, 250);
