// What happened, newest first: from the server's memory at first, then from the stream.

import { clock, mark, percent, words, workerTone } from "./format.js";

const MOST = 150;
const SEVERITY = { major: "bad", minor: "warn" };

export class EventList {
  constructor() {
    this.list = document.getElementById("events");
    this.items = new Map();
  }

  alarms(alarms) {
    for (const alarm of alarms) {
      const tone = SEVERITY[alarm.severity] ?? "quiet";
      this.put(`alarm ${alarm.seq} ${alarm.time_unix_s}`, alarm.time_unix_s, tone, `${alarm.who}: ${alarm.message}`);
    }
  }

  scans(scans) {
    for (const scan of scans) {
      if (!scan.stop_unix_s) this.put(`scan ${scan.uid}`, scan.start_unix_s, "quiet", `scan ${scan.index + 1} began`);
      else if (scan.complete) this.put(`scan ${scan.uid}`, scan.stop_unix_s, "good", this.scanText(scan));
      else this.put(`scan ${scan.uid}`, scan.stop_unix_s, "warn", `scan ${scan.index + 1} is incomplete: ${scan.reason || "stopped"}`);
    }
  }

  scanText(scan) {
    const seen = scan.mean_soc == null ? "" : `: seen ${percent(scan.mean_soc)}, counted ${percent(scan.counted_soc)} %`;
    return `scan ${scan.index + 1}${seen || ": done"}`;
  }

  experiment(experiment) {
    if (!experiment) return;
    this.put(`start ${experiment.uid}`, experiment.start_unix_s, "quiet", `${words(experiment.plan)} began`);
    if (!experiment.stop_unix_s) return;
    const tone = experiment.exit_status === "success" ? "good" : "warn";
    const why = experiment.reason ? `: ${experiment.reason}` : "";
    this.put(`stop ${experiment.uid}`, experiment.stop_unix_s, tone, `${words(experiment.plan)} ended, ${experiment.exit_status}${why}`);
  }

  worker({ state, reason }) {
    const now = Date.now() / 1000;
    this.put(`worker ${now}`, now, workerTone(state), `worker ${words(state).toLowerCase()}${reason ? `: ${reason}` : ""}`);
  }

  cell({ state, reason }) {
    const text = `cell ${words(state)}${reason ? `: ${reason}` : ""}`;
    if (text === this.lastCell) return;
    this.lastCell = text;
    const now = Date.now() / 1000;
    this.put(`cell ${now}`, now, state === "lost" ? "bad" : "quiet", text);
  }

  put(key, unix, tone, text) {
    const known = this.items.get(key);
    if (known && known.text === text) return;
    this.items.set(key, { unix, tone, text });
    this.changed = true;
  }

  render() {
    if (!this.changed && this.list.childElementCount) return;
    this.changed = false;
    const newest = [...this.items.entries()].sort((a, b) => b[1].unix - a[1].unix).slice(0, MOST);
    this.items = new Map(newest);
    const rows = newest.map(([, item]) => row(item));
    this.list.replaceChildren(...(rows.length ? rows : [nothing()]));
  }
}

function row({ unix, tone, text }) {
  const item = document.createElement("li");
  item.dataset.tone = tone;
  const [time, sign, words] = ["time", "i", "span"].map((name) => document.createElement(name));
  time.textContent = clock(unix);
  time.title = new Date(unix * 1000).toISOString();
  sign.textContent = mark(tone);
  sign.ariaHidden = "true";
  words.textContent = text;
  item.append(time, sign, words);
  return item;
}

function nothing() {
  const item = document.createElement("li");
  item.className = "none";
  item.textContent = "Nothing yet.";
  return item;
}
