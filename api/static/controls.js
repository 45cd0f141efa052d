// Three things that are never one button: the scan, the cell, the experiment.
// Buttons show what the server says, and nothing else; a click only sends.

import { words } from "./format.js";
import { command, ProblemError } from "./wire.js";

const AT_WORK = ["RUNNING", "PAUSING", "PAUSED"];
const END_STATES = {
  open_circuit: "is put at open circuit: no current flows.",
  keep: "goes on with its programme until its limit. ‘End charge’ stops it earlier.",
};
// A scan alone has no say in what becomes of the cell.
const UNTOLD = "is left as it is. If it charges, ‘End charge’ stops it.";

export class Controls {
  constructor() {
    this.answer = document.getElementById("answer");
    this.dialog = document.getElementById("confirm");
    this.status = null;
    const actions = {
      pause: () => this.send("PUT", "/worker/state", { new_state: "PAUSED", defer: true }, "Pause"),
      resume: () => this.send("PUT", "/worker/state", { new_state: "RUNNING" }, "Resume"),
      abort: () => this.abort(),
      hold: () => this.hold(),
      "resume-cell": () => this.send("POST", "/cell/resume", undefined, "Resume cell"),
      end: () => this.end(),
    };
    for (const [id, act] of Object.entries(actions)) {
      document.getElementById(id).addEventListener("click", act);
    }
  }

  render(status, stale) {
    this.status = status;
    const { state } = status.worker;
    const cell = status.cell.state;
    const gone = stale ? "the page has lost the session" : state === "LOST" ? "no engine answers" : "";
    const atWork = AT_WORK.includes(state);
    allow("pause", gone || (state === "RUNNING" ? "" : `the worker is ${words(state).toLowerCase()}`));
    allow("resume", gone || (state === "PAUSED" ? "" : "nothing is paused"));
    allow("abort", gone || (atWork ? "" : "no plan runs"));
    allow("hold", gone || (cell === "running" ? "" : `the cell is ${words(cell)}`));
    allow("resume-cell", gone || (cell === "held" ? "" : "the cell is not held"));
    const charged = cell === "running" || cell === "held";
    allow("end", gone || (atWork || charged ? "" : "nothing runs"));
    document.getElementById("end").textContent = !atWork && charged ? "End charge…" : "End experiment…";
  }

  abort() {
    this.confirm({
      title: "Abort the experiment?",
      text: "The plan ends now, as aborted. The scan under way is closed as incomplete. What was measured is kept.",
      cell: END_STATES[this.status.experiment?.abort_state] ?? UNTOLD,
      yes: "Abort the experiment",
      act: (reason) => this.send("PUT", "/worker/state", { new_state: "ABORTING", reason }, "Abort"),
    });
  }

  hold() {
    this.confirm({
      title: "Hold the cell?",
      text: "Charging is interrupted; scans go on. ‘Resume cell’ goes on with the same programme.",
      cell: END_STATES.open_circuit,
      yes: "Hold the cell",
      act: () => this.send("POST", "/cell/hold", undefined, "Hold cell"),
    });
  }

  end() {
    if (!AT_WORK.includes(this.status.worker.state)) return this.endCharge();
    this.confirm({
      title: "End the experiment?",
      text: "The plan ends now, as finished. A scan under way is closed as it is; no further scan is taken.",
      cell: END_STATES[this.status.experiment?.end_state] ?? UNTOLD,
      yes: "End the experiment",
      act: (reason) => this.send("PUT", "/worker/state", { new_state: "STOPPING", reason }, "End"),
    });
  }

  endCharge() {
    this.confirm({
      title: "End the charge?",
      text: "No plan runs, and the instrument still has a programme. It ends now and cannot be resumed.",
      cell: END_STATES.open_circuit,
      yes: "End the charge",
      act: () => this.send("POST", "/cell/end", { end_state: "open_circuit" }, "End"),
    });
  }

  confirm({ title, text, cell, yes, act }) {
    document.getElementById("confirm-title").textContent = title;
    document.getElementById("confirm-text").textContent = text;
    document.getElementById("confirm-cell").textContent = cell;
    document.getElementById("confirm-yes").textContent = yes;
    const reason = document.getElementById("confirm-reason");
    reason.value = "";
    reason.parentElement.hidden = act.length === 0;
    this.dialog.returnValue = "";
    this.dialog.onclose = () => {
      if (this.dialog.returnValue === "yes") act(reason.value);
    };
    this.dialog.showModal();
  }

  async send(method, path, body, name) {
    this.say(`${name}: sent…`, "quiet");
    try {
      await command(method, path, body);
      this.say(`${name}: the engine has taken it.`, "good");
    } catch (error) {
      const why = error instanceof ProblemError ? error.message : "the session does not answer";
      this.say(`${name}: ${why}`, "bad");
    }
  }

  say(text, tone) {
    this.answer.textContent = text;
    this.answer.dataset.tone = tone;
  }
}

function allow(id, reasonAgainst) {
  const button = document.getElementById(id);
  button.disabled = Boolean(reasonAgainst);
  button.title = reasonAgainst ? `Not now: ${reasonAgainst}` : "";
}
