// The map of the state of charge: picture from the PNG, numbers under the probe from the NPY files.

import { number, percent } from "./format.js";
import { ask, askJson, parseNpy, ProblemError } from "./wire.js";

const PIXEL_NM = 40;

export class MapView {
  constructor() {
    this.field = document.getElementById("field");
    this.canvas = this.field.querySelector("canvas");
    this.output = document.getElementById("probe");
    this.note = document.getElementById("map-note");
    this.facts = document.getElementById("map-facts");
    this.emptyNote = document.getElementById("map-empty");
    this.bar = document.getElementById("colour-bar");
    this.numbers = null;
    this.info = null;
    this.picture = null;
    this.at = null;
    new ResizeObserver(() => this.draw()).observe(this.field);
    this.canvas.addEventListener("pointermove", (event) => this.probeAt(event.offsetX, event.offsetY));
    this.canvas.addEventListener("pointerleave", () => this.leave());
    this.canvas.addEventListener("blur", () => this.leave());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  // name: "latest" or the number of a scan.
  async show(name) {
    try {
      const info = await askJson(`/soc/${name}.json`);
      if (this.info?.version === info.version) return;
      // By its number, so that picture and numbers are of one scan.
      const picture = await createImageBitmap(await (await ask(`/soc/${info.scan_index}.png`)).blob());
      Object.assign(this, { info, picture, numbers: null });
      this.describe();
      this.draw();
      if (this.at) this.probe();
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
    }
  }

  empty(text) {
    this.showScale(false);
    this.emptyNote.textContent = text;
    this.emptyNote.hidden = false;
    Object.assign(this, { info: null, picture: null, numbers: null });
    this.note.textContent = "";
    this.facts.replaceChildren();
    this.draw();
  }

  showScale(shown) {
    for (const part of document.querySelectorAll(".map .scale, .map .slider")) part.hidden = !shown;
  }

  describe() {
    const { info } = this;
    this.showScale(true);
    this.emptyNote.hidden = true;
    const energies = info.provisional ? `${info.n_energies} energies so far` : `${info.n_energies} energies`;
    this.note.textContent = `scan ${info.scan_index + 1} · ${energies}`;
    const digits = info.sigma_mean < 0.001 ? 2 : 1;
    const width = ((info.shape[1] * PIXEL_NM) / 1000).toFixed(0);
    this.facts.replaceChildren(
      ...fact("Mean seen", `${percent(info.mean_soc, digits)} ± ${percent(info.sigma_mean, digits)} %`),
      ...fact("Counted", `${percent(info.counted_soc)} %`),
      ...fact("χ² median", number(info.median_chi2, 2)),
      ...fact("Field", `${width} µm wide`),
    );
    this.drawBar();
  }

  draw() {
    const { width, height } = this.canvas.getBoundingClientRect();
    if (width < 10) return;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    if (!this.picture) return;
    const pen = this.canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    this.place = this.placed(width, height);
    const { left, top, size } = this.place;
    pen.scale(ratio, ratio);
    pen.drawImage(this.picture, left, top, size.x, size.y);
    this.drawProbe(pen);
    this.drawRuler(pen, height);
  }

  placed(width, height) {
    const scale = Math.min(width / this.picture.width, height / this.picture.height);
    const size = { x: this.picture.width * scale, y: this.picture.height * scale };
    return { scale, size, left: (width - size.x) / 2, top: (height - size.y) / 2 };
  }

  drawRuler(pen, height) {
    const length = (10_000 / PIXEL_NM) * this.place.scale;
    if (length > this.place.size.x * 0.6) return;
    const ink = getComputedStyle(this.canvas).color;
    pen.fillStyle = ink;
    pen.fillRect(this.place.left + 12, height - 16, length, 3);
    pen.font = "11px system-ui, sans-serif";
    pen.fillText("10 µm", this.place.left + 12, height - 21);
  }

  drawProbe(pen) {
    if (!this.at) return;
    const { left, top, scale } = this.place;
    const [x, y] = [left + (this.at.column + 0.5) * scale, top + (this.at.row + 0.5) * scale];
    for (const [style, wide] of [["#000a", 3], ["#fff", 1.2]]) {
      pen.strokeStyle = style;
      pen.lineWidth = wide;
      pen.beginPath();
      pen.arc(x, y, 6, 0, 2 * Math.PI);
      pen.stroke();
    }
  }

  drawBar() {
    const wide = this.bar.clientWidth || 300;
    this.bar.width = wide;
    this.bar.height = 10;
    const pen = this.bar.getContext("2d");
    const gradient = pen.createLinearGradient(0, 0, wide, 0);
    const { colours } = this.info;
    colours.forEach((one, k) => gradient.addColorStop(k / (colours.length - 1), one));
    pen.fillStyle = gradient;
    pen.fillRect(0, 0, wide, 10);
  }

  probeAt(x, y) {
    if (!this.picture) return;
    const { left, top, scale } = this.place;
    this.moveTo(Math.floor((y - top) / scale), Math.floor((x - left) / scale));
  }

  moveTo(row, column) {
    const inside = row >= 0 && column >= 0 && row < this.picture.height && column < this.picture.width;
    this.at = inside ? { row, column } : null;
    this.draw();
    this.probe();
  }

  leave() {
    this.at = null;
    this.output.textContent = "";
    this.draw();
  }

  key(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step || !this.picture) return;
    event.preventDefault();
    const far = event.shiftKey ? 1 : 16;
    const from = this.at ?? { row: this.picture.height >> 1, column: this.picture.width >> 1 };
    this.moveTo(from.row + step[0] * far, from.column + step[1] * far);
  }

  async probe() {
    if (!this.at) return void (this.output.textContent = "");
    const numbers = await this.loaded();
    if (!this.at || !numbers) return;
    const k = this.at.row * numbers.soc.columns + this.at.column;
    const place = `${this.at.column}, ${this.at.row} px`;
    const value = numbers.soc.values[k];
    const sigma = numbers.sigma?.values[k];
    const spread = Number.isFinite(sigma) ? ` ± ${number(sigma, 3)}` : "";
    this.output.textContent = Number.isFinite(value)
      ? `SOC ${number(value, 3)}${spread}   ${place}` : `no particle   ${place}`;
  }

  // The numbers are four megabytes a map: they are loaded when somebody points at it.
  async loaded() {
    if (this.numbers) return this.numbers;
    const scan = this.info.scan_index;
    this.loading ??= this.load(scan).finally(() => { this.loading = null; });
    const found = await this.loading;
    if (found && this.info?.scan_index === scan) this.numbers = found;
    return found;
  }

  async load(scan) {
    const read = async (name) => parseNpy(await (await ask(`/soc/${scan}.npy?quantity=${name}`)).arrayBuffer());
    const has = this.info.quantities.includes("sigma");
    const [soc, sigma] = await Promise.all([read("soc"), has ? read("sigma") : null]);
    return { soc, sigma };
  }
}

function fact(name, text) {
  const box = document.createElement("div");
  const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
  dt.textContent = name;
  dd.textContent = text;
  box.append(dt, dd);
  return [box];
}
