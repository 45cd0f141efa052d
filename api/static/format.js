// Numbers, times and tones as people read them. Everything is text; nothing here makes HTML.

const NONE = "–";

export function number(value, digits) {
  if (!Number.isFinite(value)) return NONE;
  // Adding zero makes an honest 0.000 of −0.000.
  return (Number(value.toFixed(digits)) + 0).toFixed(digits).replace("-", "−");
}

export function signed(value, digits) {
  return Number.isFinite(value) && Number(value.toFixed(digits)) > 0 ? `+${number(value, digits)}` : number(value, digits);
}

export function percent(fraction, digits = 1) {
  return number(fraction == null ? NaN : 100 * fraction, digits);
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n) => String(n).padStart(2, "0");
  return h ? `${h} h ${two(m)} min` : m ? `${m} min ${two(s)} s` : `${s} s`;
}

export function clock(unixSeconds) {
  return new Date(unixSeconds * 1000).toLocaleTimeString([], { hour12: false });
}

export function words(state) {
  return String(state ?? "").replaceAll("_", " ");
}

const WORKER_TONES = {
  RUNNING: "good", PAUSING: "warn", PAUSED: "warn", STOPPING: "warn", ABORTING: "warn",
  SUSPENDING: "warn", LOST: "bad", PANICKED: "bad", IDLE: "quiet",
};

export function workerTone(state) {
  return WORKER_TONES[state] ?? "quiet";
}

// A shape beside each colour: colour alone does not reach everybody.
const MARKS = { good: "●", warn: "▲", bad: "■", quiet: "○" };

export function mark(tone) {
  return MARKS[tone] ?? MARKS.quiet;
}
