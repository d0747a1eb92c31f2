// Arrays of a stack, and the panels that draw them. One script with chart.js and stack.js, which follow it.

const el = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const svgEl = (tag, attributes) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
};

// Text that changes with every move, in a box as wide as its longest: nothing around it is laid out again.
class Slot {
  constructor(longest) {
    this.node = el("span", { class: "ucmt-slot", style: `width:${longest}ch` });
    this.text = "";
  }
  write(text) {
    if (text !== this.text) this.node.textContent = this.text = text;
  }
}

async function unpack(packed) {
  const bytes = new Uint8Array(packed.buffer ?? packed, packed.byteOffset ?? 0, packed.byteLength);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// An array of the stack, and its elements by names of axes.
class Stored {
  constructor(buffer, { at, length, type, strides }) {
    this.values = type === "f4" ? new Float32Array(buffer, at, length) : new Uint8Array(buffer, at, length);
    this.strides = strides;
  }
  start(position, except = []) {
    let index = 0;
    for (const [axis, stride] of Object.entries(this.strides)) {
      if (!except.includes(axis)) index += stride * (position[axis] ?? 0);
    }
    return index;
  }
  at(position) { return this.values[this.start(position)]; }
  most() { return this.values.reduce((most, value) => (value > most ? value : most), 0); }
  slice(position, { y, x, height, width }) {
    const start = this.start(position, [y, x, "c"]), sy = this.strides[y], sx = this.strides[x];
    const channels = this.strides.c ? sx : 1;
    if (sx === channels && sy === width * sx) return this.values.subarray(start, start + height * sy);
    const out = new Uint8Array(height * width);
    for (let r = 0, k = 0; r < height; r++) for (let c = 0; c < width; c++, k++) out[k] = this.values[start + r * sy + c * sx];
    return out;
  }
}

// The border of one class as closed lines through the middles of pixel edges (what marching squares gives for a mask),
// in pixels of the screen: `across` and `down` of them to one of the mask.
function outline(mask, label, { height, width }, across, down) {
  const w = width + 1, leaving = new Uint8Array(w * (height + 1)), starts = [], path = new Path2D();
  // Edges run with the class on their right: 1 along a top, 2 down a right side, 4 along a bottom, 8 up a left side.
  for (let r = 0, i = 0; r < height; r++) {
    for (let c = 0; c < width; c++, i++) {
      if (mask[i] !== label) continue;
      const v = r * w + c;
      if (r === 0 || mask[i - width] !== label) { leaving[v] |= 1; starts.push(v); }
      if (c === width - 1 || mask[i + 1] !== label) leaving[v + 1] |= 2;
      if (r === height - 1 || mask[i + width] !== label) leaving[v + w + 1] |= 4;
      if (c === 0 || mask[i - 1] !== label) leaving[v + w] |= 8;
    }
  }
  const step = [1, w, -1, -w], dx = [0.5, 0, -0.5, 0], dy = [0, 0.5, 0, -0.5];
  for (const start of starts) { // every closed line has a top
    let at = start, way = 0, drawn = false, lastX, lastY, slopeX, slopeY;
    while (leaving[at] & (1 << way)) {
      leaving[at] &= ~(1 << way);
      const x = (at % w) + dx[way], y = ((at / w) | 0) + dy[way];
      if (!drawn) path.moveTo(x * across, y * down);
      else if (x - lastX !== slopeX || y - lastY !== slopeY) { // points on a straight line are left out
        path.lineTo(lastX * across, lastY * down);
        [slopeX, slopeY] = [x - lastX, y - lastY];
      }
      [drawn, lastX, lastY] = [true, x, y];
      at += step[way];
      for (const turn of [1, 0, 3]) { // to the right first: pixels that meet at a corner are two
        const next = (way + turn) & 3;
        if (leaving[at] & (1 << next)) { way = next; break; }
      }
    }
    if (!drawn) continue;
    path.lineTo(lastX * across, lastY * down);
    path.closePath();
  }
  return path;
}

function labelsOf(mask) {
  const seen = new Uint8Array(256);
  for (let i = 0; i < mask.length; i++) seen[mask[i]] = 1;
  return [...seen.keys()].filter((label) => label && seen[label]);
}

// Colours as the canvas keeps them, 0xAABBGGRR, and the mixture of two: `share` of 256 is the second's.
const word = (colour) => parseInt(colour.slice(5, 7) + colour.slice(3, 5) + colour.slice(1, 3), 16) | 0xff000000;
function mixed(one, other, share) {
  const rest = 256 - share;
  const redBlue = (((one & 0xff00ff) * rest + (other & 0xff00ff) * share) >>> 8) & 0xff00ff;
  const green = (((one & 0xff00) * rest + (other & 0xff00) * share) >>> 8) & 0xff00;
  return redBlue | green | 0xff000000;
}

// One canvas with as many pixels as the screen shows of it: an image and its layers, drawn again only when they change.
// First what colours pixels of the image, then stripes at the screen's resolution, then outlines: the order of `layers`.
// A canvas is the cheapest thing to change on a page: one that moves an element above it has all layers sorted anew.
class Panel {
  constructor(spec, layers, stored, lut) {
    Object.assign(this, spec, { lut, drawn: null, paths: new Map() });
    this.layers = layers.filter((layer) => spec.layers[layer.key]);
    this.base = stored(spec.base);
    this.sources = Object.fromEntries(Object.entries(spec.layers).map(([key, refs]) => [key, refs.map(stored)]));
    this.canvas = el("canvas", { tabindex: 0, role: "img" });
    this.canvas.style.aspectRatio = `${this.width} / ${this.height * (spec.stretch ?? 1)}`;
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.small = new Uint32Array(this.width * this.height);
    this.fit(this.width, this.height);
  }
  // Take a size in pixels of the screen, never smaller than the image; says whether it is new.
  fit(wide, high) {
    const width = Math.max(this.width, Math.round(wide)), height = Math.max(this.height, Math.round(high));
    if (this.pixels?.width === width && this.pixels.height === height) return false;
    Object.assign(this.canvas, { width, height });
    this.pixels = new ImageData(width, height);
    this.words = new Uint32Array(this.pixels.data.buffer);
    this.columns = Uint16Array.from({ length: width }, (_, x) => ((x + 0.5) * this.width) / width);
    this.rows = Uint16Array.from({ length: height }, (_, y) => ((y + 0.5) * this.height) / height);
    this.paths.clear();
    this.drawn = null;
    return true;
  }
  draw(position, shown, blend) {
    const layers = this.layers.filter((layer) => shown.includes(layer.key));
    const all = [this.base, ...layers.flatMap((layer) => this.sources[layer.key])];
    const starts = all.map((source) => source.start(position, [this.y, this.x]));
    const wanted = [blend, ...layers.map((layer) => `${layer.key} ${position[layer.control]}`), ...starts].join();
    const crossed = this.cross && `${position[this.y]} ${position[this.x]}`;
    if (wanted === this.drawn && crossed === this.crossed) return;
    if (wanted !== this.drawn) this.compose(layers.filter((layer) => layer.kind !== "outline"), position, Math.round(blend * 256));
    this.context.putImageData(this.pixels, 0, 0);
    for (const layer of layers) if (layer.kind === "outline") this.outline(layer, this.sources[layer.key][0], position);
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
    const { small } = this, n = small.length;
    if (this.base.strides.c) for (let i = 0; i < n; i++) small[i] = bytes[3 * i] | (bytes[3 * i + 1] << 8) | (bytes[3 * i + 2] << 16) | 0xff000000;
    else for (let i = 0; i < n; i++) small[i] = (bytes[i] * 0x010101) | 0xff000000;
  }
  map(layer, [values], share) {
    for (let i = 0; i < values.length; i++) this.small[i] = mixed(this.small[i], this.lut[values[i]], share);
  }
  differ(layer, [a, b], share) {
    const colour = word(layer.colour);
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) this.small[i] = mixed(this.small[i], colour, share);
  }
  enlarge() {
    const { small, words, columns, rows, width } = this, wide = columns.length;
    for (let y = 0, k = 0; y < rows.length; y++) {
      if (y && rows[y] === rows[y - 1]) words.copyWithin(k, k - wide, k);
      else for (let x = 0, from = rows[y] * width; x < wide; x++) words[k + x] = small[from + columns[x]];
      k += wide;
    }
  }
  stripe(layer, [a, b], share, position) {
    const { words, columns, rows, width } = this, wide = columns.length, colour = word(layer.colour);
    const above = layer.kind === "above", level = above && layer.levels[position[layer.control]];
    const period = Math.max(8, Math.round(wide / 36)), full = above ? 256 : share;
    const shares = Array.from({ length: period }, (_, t) => Math.round(full * Math.max(0, Math.min(1, 0.3 * period + 0.5 - Math.abs(t - period / 2)))));
    for (let y = 0, k = 0; y < rows.length; y++) {
      for (let x = 0, from = rows[y] * width; x < wide; x++, k++) {
        const i = from + columns[x];
        if (above ? a[i] > level : a[i] !== b[i]) words[k] = mixed(words[k], colour, shares[(x + y) % period]);
      }
    }
  }
  outline(layer, source, position) {
    const pen = this.context, thin = this.canvas.width / 150;
    for (const path of this.bordersOf(layer, source, position)) {
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
  bordersOf(layer, source, position) { // kept: back and forth is how one looks
    const key = `${layer.key} ${source.start(position, [this.y, this.x])}`;
    if (!this.paths.has(key)) {
      if (this.paths.size > 200) this.paths.clear();
      const mask = source.slice(position, this), across = this.canvas.width / this.width, down = this.canvas.height / this.height;
      this.paths.set(key, labelsOf(mask).map((label) => outline(mask, label, this, across, down)));
    }
    return this.paths.get(key);
  }
  crosshair(position) {
    const pen = this.context, { width, height } = this.canvas;
    const x = ((position[this.x] + 0.5) / this.width) * width, y = ((position[this.y] + 0.5) / this.height) * height;
    pen.setLineDash([4, 6]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = "rgba(255,255,255,.75)";
    pen.strokeRect(-2, -2, x + 2, height + 4);
    pen.strokeRect(-2, -2, width + 4, y + 2);
  }
  // What the layers say of one pixel, in words.
  tell(row, column, position, unit) {
    const here = { ...position, [this.y]: row, [this.x]: column }, parts = [`row ${row}, column ${column}`];
    for (const layer of this.layers) {
      const [source] = this.sources[layer.key];
      if (layer.kind === "outline") parts.push(`${layer.label}: ${this.classes[source.at(here)] ?? source.at(here)}`);
      if (layer.kind === "map") parts.push(`${layer.label} ${((source.at(here) / 255) * unit.max).toFixed(3)} ${unit.name}`);
    }
    return parts.join(" · ");
  }
}
