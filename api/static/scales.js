// From values to places along an axis: ranges, ticks, linear and logarithmic.

function niceTicks(low, high, about) {
  const raw = (high - low) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(raw));
  const steps = [0.5, 1, 2, 5, 10].map((m) => m * power);
  const wanted = steps.findIndex((one) => one >= raw * 0.999);
  // Fewer than three ticks say little about a scale: rather a finer step.
  const step = (high - low) / steps[wanted] < 2 ? steps[wanted - 1] : steps[wanted];
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(k * step);
  return { ticks, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

export function span(values, { least = 0, pad = 0.06 } = {}) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (!(low <= high)) return null;
  const room = Math.max(high - low, least);
  const middle = (low + high) / 2;
  return [middle - room * (0.5 + pad), middle + room * (0.5 + pad)];
}

// A range for a logarithmic axis: it begins and ends at a decade, or at 2 or 5 in one.
export function logSpan(values) {
  const known = values.filter((value) => value > 0 && Number.isFinite(value));
  if (!known.length) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  return [below(low * 0.9), above(high * 1.1)];
}

const PARTS = [1, 2, 5, 10];
const decade = (value) => 10 ** Math.floor(Math.log10(value) + 1e-12);
const below = (value) => decade(value) * PARTS.findLast((part) => part * decade(value) <= value * (1 + 1e-9));
const above = (value) => decade(value) * PARTS.find((part) => part * decade(value) >= value * (1 - 1e-9));

// Where values lie between the ends of a range: 0 at the low one, 1 at the high one.
// log: whether it is logarithmic; whole: whether there is nothing between whole numbers.
export function scaleOf([low, high], { log = false, whole = false } = {}) {
  if (!log) {
    return {
      share: (value) => (value - low) / (high - low),
      at: (share) => low + share * (high - low),
      ticks: (about) => (whole ? wholeTicks(low, high, about) : niceTicks(low, high, about)),
    };
  }
  const decades = Math.log(high / low);
  return {
    share: (value) => (value > 0 ? Math.log(value / low) / decades : -Infinity),
    at: (share) => low * Math.exp(share * decades),
    ticks: () => ({ ticks: logTicks(low, high), text: powerText }),
  };
}

function wholeTicks(low, high, about) {
  return { ticks: niceTicks(low, high, about).ticks.filter(Number.isInteger), digits: 0 };
}

function logTicks(low, high) {
  const few = Math.log10(high / low) <= 2.5;
  const ticks = [];
  for (let power = decade(low); power <= high * (1 + 1e-9); power *= 10) {
    ticks.push(...(few ? [power, 2 * power, 5 * power] : [power]));
  }
  return ticks.filter((tick) => tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9));
}

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

export function powerText(value) {
  const power = Math.floor(Math.log10(value) + 1e-9);
  const digits = [...String(Math.abs(power))].map((digit) => SUPERSCRIPTS[digit]).join("");
  const factor = Math.round((value / 10 ** power) * 10) / 10;
  return `${factor === 1 ? "" : `${factor}·`}10${power < 0 ? "⁻" : ""}${digits}`;
}

// Widens one of two ranges so that a unit is as long upwards as sideways; what is low stays low.
export function equalised({ x, panes: [pane] }, box) {
  const [wide, high] = [box.right - box.left, box.bottom - box.top];
  const [long, tall] = [x.range[1] - x.range[0], pane.range[1] - pane.range[0]];
  const unit = Math.max(long / wide, tall / high);
  return {
    x: [x.range[0], x.range[0] + unit * wide],
    y: [pane.range[0], pane.range[0] + unit * high],
  };
}
