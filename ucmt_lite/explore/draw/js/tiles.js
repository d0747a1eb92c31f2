// Pictures in a grid that folds to the width of the page: pixels, outlines of masks, borders of cells with
// letters. `tiles.py` is the twin; here a tile is a canvas with the pixels of the screen.

import { el } from "./dom.js";
import { labelsOf, outline } from "./outline.js";

const OPAQUE = 0xff000000;

export class Tile {
  /**
   * @param {{height: number, width: number}} sides of the image
   * @param {Object<string, {colour: string, halo: string, dash: number[]}>} strokes of outlines and cells
   */
  constructor(sides, strokes) {
    Object.assign(this, { sides, strokes });
    this.caption = el("figcaption");
    this.canvas = el("canvas", { role: "img" });
    this.canvas.style.aspectRatio = `${sides.width} / ${sides.height}`;
    this.context = this.canvas.getContext("2d", { alpha: false });
    Object.assign(this.canvas, sides); // until it stands in the page
    // The image at its own size, which the canvas enlarges.
    this.small = el("canvas", sides).getContext("2d", { alpha: false });
    this.node = el("figure", {}, this.caption, this.canvas);
  }
  // Take the size in pixels of the screen, never smaller than the image.
  fit() {
    const { clientWidth } = this.canvas;
    const width = Math.max(this.sides.width, Math.round(clientWidth * devicePixelRatio));
    const height = Math.round((width * this.sides.height) / this.sides.width);
    Object.assign(this.canvas, { width, height });
  }
  /**
   * @param {{caption: string, words: Uint32Array, outlines?: Object<string, Uint8Array>, cells?: object[]}}
   *   content `words` are colours as the canvas keeps them; a cell has row, column, stroke, letter
   */
  draw({ caption, words, outlines = {}, cells = [] }) {
    const { context, canvas, sides } = this;
    if (this.caption.textContent !== caption) {
      this.caption.textContent = caption;
      canvas.setAttribute("aria-label", caption);
    }
    const bytes = new Uint8ClampedArray(words.buffer);
    this.small.putImageData(new ImageData(bytes, sides.width, sides.height), 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.small.canvas, 0, 0, canvas.width, canvas.height);
    for (const [name, mask] of Object.entries(outlines)) this.outline(mask, this.strokes[name]);
    for (const cell of cells) this.cell(cell);
  }
  outline(mask, stroke) {
    const { width, height } = this.canvas;
    const { sides } = this;
    for (const label of labelsOf(mask)) {
      const path = outline(mask, label, sides, width / sides.width, height / sides.height);
      this.stroke(path, stroke);
    }
  }
  stroke(path, { colour, halo, dash, thin = 1 }) {
    const pen = this.context;
    const unit = (thin * this.canvas.width) / 150;
    pen.setLineDash([]);
    pen.lineWidth = unit * 1.9;
    pen.strokeStyle = halo;
    pen.stroke(path);
    pen.setLineDash(dash.map((part) => part * unit));
    pen.lineWidth = unit;
    pen.strokeStyle = colour;
    pen.stroke(path);
  }
  cell({ row, column, grid, stroke, letter }) {
    const across = this.canvas.width / grid;
    const down = this.canvas.height / grid;
    const path = new Path2D();
    path.rect(column * across, row * down, across, down);
    this.stroke(path, this.strokes[stroke]);
    if (!letter) return;
    const pen = this.context;
    const size = 0.62 * Math.min(across, down);
    const place = [(column + 0.5) * across, (row + 0.5) * down + size * 0.35];
    Object.assign(pen, { font: `${size}px system-ui, sans-serif`, textAlign: "center", lineJoin: "round" });
    pen.setLineDash([]);
    pen.lineWidth = size * 0.16;
    pen.strokeStyle = "#000";
    pen.strokeText(letter, ...place);
    pen.fillStyle = "#fff";
    pen.fillText(letter, ...place);
  }
}

// Bytes C H W of one or three channels as the canvas keeps them, 0xAABBGGRR.
export function wordsOfImage(bytes, pixels) {
  const words = new Uint32Array(pixels);
  const [green, blue] = bytes.length === pixels ? [0, 0] : [pixels, 2 * pixels];
  for (let i = 0; i < pixels; i++) {
    words[i] = bytes[i] | (bytes[i + green] << 8) | (bytes[i + blue] << 16) | OPAQUE;
  }
  return words;
}

// A map in the colours of a table of 256, from 0 to `maximum`.
export function wordsOfMap(map, maximum, table) {
  return Uint32Array.from(map, (value) => {
    return table[Math.round(Math.max(0, Math.min(1, value / maximum)) * 255)];
  });
}
