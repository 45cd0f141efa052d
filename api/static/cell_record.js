// The cell's rows, and the chart of voltage and current over the instrument's time.

import { Chart } from "./chart.js";
import { number } from "./format.js";
import { span } from "./scales.js";

const COLUMNS = ["time_s", "unix_s", "voltage_v", "current_a", "charge_ah"];
const MOST_ROWS = 20_000;

export class CellRecord {
  constructor() {
    this.chart = new Chart(document.getElementById("cell-plot"));
    this.clear();
  }

  clear() {
    this.hours = [];
    this.unix = [];
    this.voltage = [];
    this.microamps = [];
    this.offset = 0;
    this.last = null;
  }

  load(columns) {
    this.clear();
    columns.time_s.forEach((_, k) => this.add(COLUMNS.map((name) => columns[name][k])));
  }

  // An event of type "echem"; false when rows were left out of it and must be asked for.
  take({ columns, rows, rows_left_out: leftOut }) {
    if (leftOut || this.unix.length > MOST_ROWS) return false;
    const places = COLUMNS.map((name) => columns.indexOf(name));
    for (const row of rows) this.add(places.map((place) => row[place]));
    return true;
  }

  add([time, unix, voltage, current, charge]) {
    const { last } = this;
    if (last && unix <= last.unix) return;
    // A new programme may count its time from zero again: the axis goes on.
    if (!last) this.offset = -time;
    else if (time < last.time) this.offset += last.time - time;
    this.last = { time, unix, current, charge };
    const hour = (time + this.offset) / 3600;
    if (last && isPause(last, this.last)) this.push(hour, unix, NaN, NaN);
    this.push(hour, unix, voltage, 1e6 * current);
  }

  push(hour, unix, voltage, microamps) {
    this.hours.push(hour);
    this.unix.push(unix);
    this.voltage.push(voltage);
    this.microamps.push(microamps);
  }

  hourOf(unix) {
    const k = lowerBound(this.unix, unix);
    if (k === 0) return this.hours[0];
    if (k === this.unix.length) return this.hours.at(-1);
    const share = (unix - this.unix[k - 1]) / (this.unix[k] - this.unix[k - 1]);
    return this.hours[k - 1] + share * (this.hours[k] - this.hours[k - 1]);
  }

  draw(scans) {
    const x = this.hours;
    if (x.length < 2) return this.chart.show({ empty: "No rows from the cell yet" });
    const voltages = span(this.voltage, { least: 0.05 });
    const currents = span([...this.microamps, 0], { least: 10, pad: 0.12 });
    this.chart.show({
      x: { range: roomy(x[0], x.at(-1)), label: "time of the instrument, h" },
      panes: [
        { label: "voltage, V", colour: "voltage", range: voltages, share: 0.64, lines: [{ x, y: this.voltage, colour: "voltage" }] },
        { label: "current, µA", colour: "current", range: currents, share: 0.36, lines: [{ x, y: this.microamps, colour: "current" }] },
      ],
      bands: scans.map((scan) => ({
        from: this.hourOf(scan.start_unix_s),
        to: this.hourOf(scan.stop_unix_s ?? this.unix.at(-1)),
        label: String(scan.index + 1),
      })),
      readout: (hour) => {
        const k = Math.min(lowerBound(x, hour), x.length - 1);
        return `${number(x[k], 2)} h   ${number(this.voltage[k], 3)} V   ${number(this.microamps[k], 1)} µA`;
      },
    });
  }
}

// Between two rows without the charge of their currents the circuit was open: no line joins them.
function isPause(before, after) {
  const current = (Math.abs(before.current) + Math.abs(after.current)) / 2;
  const charge = (current * (after.time - before.time)) / 3600;
  return Math.abs(after.charge - before.charge) < charge / 2;
}

// A little room at the right, so that the newest band and its number are seen whole.
function roomy(first, last) {
  const long = Math.max(last - first, 0.05);
  return [first, first + long * 1.025];
}

function lowerBound(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
