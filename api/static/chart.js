// Charts on a canvas: panes above each other on one x axis; lines, points with error bars, bands.

import { equalised, scaleOf } from "./scales.js";

const MARGIN = { left: 46, right: 10, top: 8, bottom: 30 };
const BAND_LABELS_PX = 12;
const LABEL_ROOM_PX = 14;
const LABEL_AND_GAP_PX = 23;
const GAP = 10;
const FONT = "11px system-ui, 'Segoe UI', 'Noto Sans', 'DejaVu Sans', sans-serif";

export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export class Chart {
  constructor(figure) {
    this.canvas = figure.querySelector("canvas");
    this.output = figure.querySelector("output");
    this.content = null;
    new ResizeObserver(() => this.draw()).observe(figure);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.canvas.addEventListener("pointermove", (event) => this.hover(event.offsetX, event.offsetY));
    this.canvas.addEventListener("pointerleave", () => this.hover(null, null));
  }

  // content: { x: {range, label, ticks?, whole?}, panes: [{range, label, share, log, lines, points}],
  //            bands: [{from, to, label}], readout: (x, y) => text, empty: text,
  //            equal: whether a unit is as long upwards as sideways }
  show(content) {
    this.content = content;
    this.draw();
  }

  hover(acrossPx, downPx) {
    this.cursorPx = acrossPx;
    this.cursorDownPx = downPx;
    this.draw();
  }

  draw() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (!this.content || width < 20) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.font = FONT;
    this.box = { left: this.content.panes ? this.roomForNumbers(pen, height) : MARGIN.left, right: width - MARGIN.right, top: MARGIN.top + (this.content.bands?.length ? BAND_LABELS_PX : 0), bottom: height - MARGIN.bottom };
    if (this.content.empty) {
      pen.fillStyle = colour("ink-3");
      pen.textAlign = "center";
      pen.fillText(this.content.empty, width / 2, height / 2);
      this.output.textContent = "";
      return;
    }
    this.ranges = this.content.equal ? equalised(this.content, this.box) : null;
    this.xAxis(pen);
    this.bands(pen);
    let top = this.box.top;
    const { panes } = this.content;
    const room = this.box.bottom - this.box.top - GAP * (panes.length - 1);
    for (const pane of panes) {
      const bottom = top + room * (pane.share ?? 1);
      this.pane(pen, pane, top, bottom);
      top = bottom + GAP;
    }
    this.cursor(pen);
  }

  roomForNumbers(pen, height) {
    const widths = this.content.panes.flatMap((pane) => {
      const { ticks, digits, text } = scaleOf(pane.range, pane).ticks(Math.max(2, (height * (pane.share ?? 1)) / 36));
      return ticks.map((tick) => pen.measureText(text ? text(tick) : plainText(tick, digits)).width);
    });
    return Math.max(MARGIN.left, Math.ceil(Math.max(0, ...widths)) + LABEL_AND_GAP_PX);
  }

  get xRange() {
    return this.ranges?.x ?? this.content.x.range;
  }

  px(x) {
    const [low, high] = this.xRange;
    return this.box.left + ((x - low) / (high - low)) * (this.box.right - this.box.left);
  }

  xAxis(pen) {
    const { x } = this.content;
    const about = Math.max(2, (this.box.right - this.box.left) / 70);
    const { ticks, digits } = x.ticks ?? scaleOf(this.xRange, { whole: x.whole }).ticks(about);
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.fillStyle = colour("ink-2");
    pen.strokeStyle = colour("grid");
    for (const tick of ticks) {
      const at = Math.round(this.px(tick)) + 0.5;
      line(pen, at, this.box.top, at, this.box.bottom);
      pen.fillText(plainText(tick, digits), at, this.box.bottom + 5);
    }
    pen.textAlign = "right";
    pen.fillStyle = colour("ink-3");
    pen.fillText(x.label, this.box.right, this.box.bottom + 17);
  }

  bands(pen) {
    let labelledTo = -Infinity;
    for (const band of this.content.bands ?? []) {
      const from = this.px(band.from);
      const wide = Math.max(2, this.px(band.to) - from);
      pen.fillStyle = colour("band");
      pen.fillRect(from, this.box.top, wide, this.box.bottom - this.box.top);
      pen.fillStyle = colour("seen");
      pen.textAlign = "center";
      pen.textBaseline = "top";
      if (from + wide / 2 - labelledTo < LABEL_ROOM_PX) continue;
      labelledTo = from + wide / 2;
      pen.fillText(band.label, labelledTo, this.box.top - BAND_LABELS_PX);
    }
  }

  pane(pen, pane, top, bottom) {
    const scale = scaleOf(this.ranges?.y ?? pane.range, pane);
    const py = (y) => bottom - scale.share(y) * (bottom - top);
    const { ticks, digits, text } = scale.ticks(Math.max(2, (bottom - top) / 36));
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of ticks) {
      const at = Math.round(py(tick)) + 0.5;
      pen.strokeStyle = colour("grid");
      line(pen, this.box.left, at, this.box.right, at);
      pen.fillStyle = colour("ink-2");
      pen.fillText(text ? text(tick) : plainText(tick, digits), this.box.left - 5, at);
    }
    pen.strokeStyle = colour("line");
    pen.strokeRect(this.box.left + 0.5, Math.round(top) + 0.5, this.box.right - this.box.left - 1, Math.round(bottom - top) - 1);
    this.paneLabel(pen, pane, top, bottom);
    pen.save();
    pen.beginPath();
    pen.rect(this.box.left, top - 1, this.box.right - this.box.left, bottom - top + 2);
    pen.clip();
    for (const one of pane.lines ?? []) this.polyline(pen, one, py);
    pen.restore();
    for (const point of pane.points ?? []) this.point(pen, point, py, top, bottom);
  }

  paneLabel(pen, pane, top, bottom) {
    pen.save();
    pen.translate(9, (top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillStyle = pane.colour ? colour(pane.colour) : colour("ink-2");
    pen.fillText(pane.label, 0, 0);
    pen.restore();
  }

  polyline(pen, { x, y, colour: name, dash = [], width = 1.6 }, py) {
    pen.strokeStyle = colour(name);
    pen.lineWidth = width;
    pen.lineJoin = "round";
    pen.setLineDash(dash);
    pen.beginPath();
    let down = false;
    for (let k = 0; k < x.length; k++) {
      if (Number.isFinite(y[k])) {
        if (down) pen.lineTo(this.px(x[k]), py(y[k]));
        else pen.moveTo(this.px(x[k]), py(y[k]));
      }
      down = Number.isFinite(y[k]);
    }
    pen.stroke();
    pen.setLineDash([]);
    pen.lineWidth = 1;
  }

  point(pen, { x, y, error, open, colour: name, size = 3.4 }, py, top, bottom) {
    const [at, high] = [this.px(x), py(y)];
    if (high < top - 4 || high > bottom + 4) return;
    pen.strokeStyle = pen.fillStyle = colour(name);
    pen.lineWidth = 1.4;
    if (error) {
      const [up, down] = [Math.max(top, py(y + error)), Math.min(bottom, py(y - error))];
      line(pen, at, up, at, down);
      line(pen, at - 3, up, at + 3, up);
      line(pen, at - 3, down, at + 3, down);
    }
    pen.beginPath();
    pen.arc(at, high, size, 0, 2 * Math.PI);
    if (open) {
      pen.fillStyle = colour("panel");
      // Through a ring the line behind it is seen.
      if (open !== "ring") pen.fill();
      pen.stroke();
    } else pen.fill();
    pen.lineWidth = 1;
  }

  cursor(pen) {
    const inside = this.cursorPx != null && this.cursorPx >= this.box.left && this.cursorPx <= this.box.right;
    if (!inside || !this.content.readout) {
      this.output.textContent = "";
      return;
    }
    const [low, high] = this.xRange;
    const share = (this.cursorPx - this.box.left) / (this.box.right - this.box.left);
    pen.strokeStyle = colour("ink-3");
    pen.setLineDash([3, 3]);
    line(pen, this.cursorPx, this.box.top, this.cursorPx, this.box.bottom);
    pen.setLineDash([]);
    // Of several panes the readout takes all; only with one of them is a height a value.
    const up = (this.box.bottom - this.cursorDownPx) / (this.box.bottom - this.box.top);
    const pane = this.content.panes[0];
    this.output.textContent = this.content.readout(low + share * (high - low), scaleOf(this.ranges?.y ?? pane.range, pane).at(up));
  }
}

const plainText = (tick, digits) => tick.toFixed(digits).replace("-", "−");

function line(pen, x0, y0, x1, y1) {
  pen.beginPath();
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
  pen.stroke();
}
