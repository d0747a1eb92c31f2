// One image with its layers, on a canvas.

import { el } from "./dom.js";
import { labelsOf, outline } from "./outline.js";

const MAX_PATHS = 200; // outlines that are kept: back and forth is how one looks

// Colours as the canvas keeps them, 0xAABBGGRR, and the mixture of two: `share` of 256 is the second's.
const OPAQUE = 0xff000000;

function word(colour) {
  return parseInt(colour.slice(5, 7) + colour.slice(3, 5) + colour.slice(1, 3), 16) | OPAQUE;
}

function mixed(one, other, share) {
  const rest = 256 - share;
  const redBlue = (((one & 0xff00ff) * rest + (other & 0xff00ff) * share) >>> 8) & 0xff00ff;
  const green = (((one & 0xff00) * rest + (other & 0xff00) * share) >>> 8) & 0xff00;
  return redBlue | green | OPAQUE;
}

// The colour of each pixel of the image on each pixel of the screen along one side.
function sourcesOf(length, pixels) {
  return Uint16Array.from({ length }, (_, i) => ((i + 0.5) * pixels) / length);
}

// One canvas with as many pixels as the screen shows of it: an image and its layers, drawn again only when
// they change. First what colours pixels of the image, then stripes at the screen's resolution, then
// outlines: the order of `layers`. A canvas is the cheapest thing to change on a page: one that moves an
// element above it has all layers sorted anew.
export class Panel {
  /**
   * @param {import("./spec.js").PanelSpec} spec
   * @param {import("./spec.js").Layer[]} layers of all panels
   * @param {(ref: import("./spec.js").Ref) => import("./stored.js").Stored} stored
   * @param {Uint32Array} lut the colours of the map layer
   */
  constructor(spec, layers, stored, lut) {
    Object.assign(this, spec, { lut, drawn: null, paths: new Map() });
    this.layers = layers.filter((layer) => spec.layers[layer.key]);
    this.base = stored(spec.base);
    this.sources = Object.fromEntries(
      Object.entries(spec.layers).map(([key, refs]) => [key, refs.map(stored)]),
    );
    this.canvas = el("canvas", { tabindex: 0, role: "img" });
    this.canvas.style.aspectRatio = `${this.width} / ${this.height * (spec.stretch ?? 1)}`;
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.small = new Uint32Array(this.width * this.height);
    this.fit(this.width, this.height);
  }
  // Take a size in pixels of the screen, never smaller than the image; says whether it is new.
  fit(across, down) {
    const width = Math.max(this.width, Math.round(across));
    const height = Math.max(this.height, Math.round(down));
    if (this.pixels?.width === width && this.pixels.height === height) return false;
    Object.assign(this.canvas, { width, height });
    this.pixels = new ImageData(width, height);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.columns = sourcesOf(width, this.width);
    this.rows = sourcesOf(height, this.height);
    this.paths.clear();
    this.drawn = null;
    return true;
  }
  /**
   * @param {import("./spec.js").Position} position
   * @param {string[]} shown keys of layers
   * @param {number} blend opacity of filled layers, 0 to 1
   */
  draw(position, shown, blend) {
    const layers = this.layers.filter((layer) => shown.includes(layer.key));
    const arrays = [this.base, ...layers.flatMap((layer) => this.sources[layer.key])];
    const starts = arrays.map((array) => array.indexOf(position, [this.y, this.x]));
    const states = layers.map((layer) => `${layer.key} ${position[layer.control]}`);
    const wanted = [blend, ...states, ...starts].join();
    const crossed = this.cross && `${position[this.y]} ${position[this.x]}`;
    if (wanted === this.drawn && crossed === this.crossed) return;
    const filled = layers.filter((layer) => layer.kind !== "outline");
    if (wanted !== this.drawn) this.compose(filled, position, Math.round(blend * 256));
    this.context.putImageData(this.pixels, 0, 0);
    for (const layer of layers) if (layer.kind === "outline") this.outline(layer, position);
    if (this.cross) this.crosshair(position);
    Object.assign(this, { drawn: wanted, crossed });
  }
  compose(layers, position, share) {
    const slices = (layer) => this.sources[layer.key].map((source) => source.slice(position, this));
    this.image(this.base.slice(position, this));
    for (const layer of layers) if (!layer.hatch) this[layer.kind](layer, slices(layer), share);
    this.enlarge();
    for (const layer of layers) if (layer.hatch) this.stripe(layer, slices(layer), share, position);
  }
  image(bytes) {
    const { small } = this;
    if (!this.base.strides.c) {
      for (let i = 0; i < small.length; i++) small[i] = (bytes[i] * 0x010101) | OPAQUE;
      return;
    }
    for (let i = 0; i < small.length; i++) {
      small[i] = bytes[3 * i] | (bytes[3 * i + 1] << 8) | (bytes[3 * i + 2] << 16) | OPAQUE;
    }
  }
  map(layer, [values], share) {
    for (let i = 0; i < values.length; i++) this.small[i] = mixed(this.small[i], this.lut[values[i]], share);
  }
  differ(layer, [a, b], share) {
    const colour = word(layer.colour);
    for (let i = 0; i < a.length; i++) {
      if (a[i] !== b[i]) this.small[i] = mixed(this.small[i], colour, share);
    }
  }
  enlarge() {
    const { small, words, columns, rows, width } = this;
    const across = columns.length;
    for (let y = 0, k = 0; y < rows.length; y++, k += across) {
      if (y && rows[y] === rows[y - 1]) words.copyWithin(k, k - across, k);
      else for (let x = 0, from = rows[y] * width; x < across; x++) words[k + x] = small[from + columns[x]];
    }
  }
  stripe(layer, [a, b], share, position) {
    const { words, columns, rows, width } = this;
    const across = columns.length;
    const colour = word(layer.colour);
    const above = layer.kind === "above";
    const level = above && layer.levels[position[layer.control]];
    const shares = stripes(Math.max(8, Math.round(across / 36)), above ? 256 : share);
    for (let y = 0, k = 0; y < rows.length; y++) {
      for (let x = 0, from = rows[y] * width; x < across; x++, k++) {
        const i = from + columns[x];
        const hit = above ? a[i] > level : a[i] !== b[i];
        if (hit) words[k] = mixed(words[k], colour, shares[(x + y) % shares.length]);
      }
    }
  }
  outline(layer, position) {
    const pen = this.context;
    const thin = this.canvas.width / 150;
    for (const path of this.bordersOf(layer, position)) {
      pen.setLineDash([]);
      pen.lineWidth = thin * 1.9;
      pen.strokeStyle = layer.halo;
      pen.stroke(path);
      pen.setLineDash(layer.dash.map((part) => part * thin));
      pen.lineWidth = thin;
      pen.strokeStyle = layer.colour;
      pen.stroke(path);
    }
  }
  bordersOf(layer, position) {
    const [source] = this.sources[layer.key];
    const key = `${layer.key} ${source.indexOf(position, [this.y, this.x])}`;
    if (!this.paths.has(key)) {
      if (this.paths.size > MAX_PATHS) this.paths.clear();
      const mask = source.slice(position, this);
      const across = this.canvas.width / this.width;
      const down = this.canvas.height / this.height;
      this.paths.set(
        key,
        labelsOf(mask).map((label) => outline(mask, label, this, across, down)),
      );
    }
    return this.paths.get(key);
  }
  crosshair(position) {
    const pen = this.context;
    const { width, height } = this.canvas;
    const x = ((position[this.x] + 0.5) / this.width) * width;
    const y = ((position[this.y] + 0.5) / this.height) * height;
    pen.setLineDash([4, 6]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = "rgba(255,255,255,.75)";
    pen.strokeRect(-2, -2, x + 2, height + 4);
    pen.strokeRect(-2, -2, width + 4, y + 2);
  }
  // What the layers say of one pixel, in words.
  tell(row, column, position, unit) {
    const pixel = { ...position, [this.y]: row, [this.x]: column };
    const parts = [`row ${row}, column ${column}`];
    for (const { key, kind, label } of this.layers) {
      const value = this.sources[key][0].value(pixel);
      if (kind === "outline") parts.push(`${label}: ${this.classes[value] ?? value}`);
      if (kind === "map") parts.push(`${label} ${((value / 255) * unit.max).toFixed(3)} ${unit.name}`);
    }
    return parts.join(" · ");
  }
}

// The opacity of a stripe over its period, soft at both edges, up to `full` of 256.
function stripes(period, full) {
  return Array.from({ length: period }, (_, t) => {
    const inside = 0.3 * period + 0.5 - Math.abs(t - period / 2);
    return Math.round(full * Math.max(0, Math.min(1, inside)));
  });
}
