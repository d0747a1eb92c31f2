// Stacks of images with layers: everything was sent once, everything is drawn here, so scrubbing never asks the kernel.
// What is shown comes as `spec` (see explore/stack.py); where the reader stands is `position`, `shown` and `blend`.

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
  slice(position, { y, x, height, width }) {
    const start = this.start(position, [y, x, "c"]), sy = this.strides[y], sx = this.strides[x];
    const channels = this.strides.c ? sx : 1;
    if (sx === channels && sy === width * sx) return this.values.subarray(start, start + height * sy);
    const out = new Uint8Array(height * width);
    for (let r = 0, k = 0; r < height; r++) for (let c = 0; c < width; c++, k++) out[k] = this.values[start + r * sy + c * sx];
    return out;
  }
}

// The border of one class as closed lines through the middles of pixel edges (what marching squares gives for a mask).
function outline(mask, label, height, width, scale) {
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
    let at = start, way = 0, drawn = false;
    while (leaving[at] & (1 << way)) {
      leaving[at] &= ~(1 << way);
      const x = ((at % w) + dx[way]) * scale, y = (((at / w) | 0) + dy[way]) * scale;
      if (drawn) path.lineTo(x, y);
      else path.moveTo(x, y);
      drawn = true;
      at += step[way];
      for (const turn of [1, 0, 3]) { // to the right first: pixels that meet at a corner are two
        const next = (way + turn) & 3;
        if (leaving[at] & (1 << next)) { way = next; break; }
      }
    }
    if (drawn) path.closePath();
  }
  return path;
}

function labelsOf(mask) {
  const seen = new Uint8Array(256);
  for (let i = 0; i < mask.length; i++) seen[mask[i]] = 1;
  return [...seen.keys()].filter((label) => label && seen[label]);
}

function stripes(context, colour, size) {
  const tile = document.createElement("canvas");
  tile.width = tile.height = size;
  const pen = tile.getContext("2d");
  pen.strokeStyle = colour;
  pen.lineWidth = size * 0.42;
  for (const shift of [-size, 0, size]) {
    pen.beginPath();
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
    pen.stroke();
  }
  return context.createPattern(tile, "repeat");
}

// Colours as the canvas keeps them, 0xAABBGGRR, and the mixture of two: `share` of 256 is the second's.
const word = (colour) => parseInt(colour.slice(5, 7) + colour.slice(3, 5) + colour.slice(1, 3), 16) | 0xff000000;
function mixed(one, other, share) {
  const rest = 256 - share;
  const redBlue = (((one & 0xff00ff) * rest + (other & 0xff00ff) * share) >>> 8) & 0xff00ff;
  const green = (((one & 0xff00) * rest + (other & 0xff00) * share) >>> 8) & 0xff00;
  return redBlue | green | 0xff000000;
}

// One canvas: an image and its layers, each slice drawn when the position changes.
class Panel {
  constructor(spec, layers, stored, lut) {
    Object.assign(this, spec, { spec, allLayers: layers, lut });
    const store = (ref) => stored(ref);
    this.base = store(spec.base);
    this.sources = Object.fromEntries(Object.entries(spec.layers).map(([key, refs]) => [key, refs.map(store)]));
    this.scale = Math.max(1, Math.round(560 / Math.max(this.height, this.width)));
    this.canvas = el("canvas", { tabindex: 0, role: "img" });
    this.canvas.width = this.width * this.scale;
    this.canvas.height = this.height * this.scale;
    this.canvas.style.aspectRatio = `${this.width} / ${this.height * (spec.stretch ?? 1)}`;
    this.context = this.canvas.getContext("2d");
    this.small = new OffscreenCanvas(this.width, this.height);
    this.brush = this.small.getContext("2d");
    this.big = new OffscreenCanvas(this.canvas.width, this.canvas.height);
    this.pixels = new ImageData(this.width, this.height);
    this.words = new Uint32Array(this.pixels.data.buffer);
  }
  put() {
    this.brush.putImageData(this.pixels, 0, 0);
    this.context.drawImage(this.small, 0, 0, this.canvas.width, this.canvas.height);
  }
  draw(position, shown, blend) {
    const { context, words } = this;
    context.imageSmoothingEnabled = false;
    context.globalAlpha = 1;
    const grey = this.base.slice(position, this), n = words.length;
    if (this.base.strides.c) for (let i = 0; i < n; i++) words[i] = grey[3 * i] | (grey[3 * i + 1] << 8) | (grey[3 * i + 2] << 16) | 0xff000000;
    else for (let i = 0; i < n; i++) words[i] = (grey[i] * 0x010101) | 0xff000000;
    this.fresh = true; // the pixels are composed here, and handed to the canvas once, below the first layer that is not of pixels
    for (const layer of this.allLayers) {
      const sources = this.sources[layer.key];
      if (!sources || !shown.includes(layer.key)) continue;
      const slices = sources.map((source) => source.slice(position, this));
      this[layer.kind](layer, slices, blend, position);
    }
    this.flush();
    context.globalAlpha = 1;
  }
  flush() {
    if (this.fresh) this.put();
    this.fresh = false;
  }
  map(layer, [values], blend) {
    const share = Math.round(blend * 256);
    for (let i = 0; i < values.length; i++) this.words[i] = mixed(this.words[i], this.lut[values[i]], share);
  }
  differ(layer, [a, b], blend) {
    if (layer.hatch) return this.fill(layer, (i) => a[i] !== b[i], blend);
    const share = Math.round(blend * 256), colour = word(layer.colour);
    for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) this.words[i] = mixed(this.words[i], colour, share);
  }
  above(layer, [values], blend, position) {
    const level = layer.levels[position[layer.control]];
    this.fill(layer, (i) => values[i] > level, 1);
  }
  fill(layer, where, blend) {
    this.flush();
    for (let i = 0; i < this.words.length; i++) this.words[i] = where(i) ? 0xffffffff : 0;
    this.brush.putImageData(this.pixels, 0, 0);
    const pen = this.big.getContext("2d"), { width, height } = this.big;
    pen.globalCompositeOperation = "copy";
    pen.imageSmoothingEnabled = false;
    pen.drawImage(this.small, 0, 0, width, height);
    pen.globalCompositeOperation = "source-in";
    pen.fillStyle = layer.hatch ? (layer.pattern ??= stripes(pen, layer.colour, 14)) : layer.colour;
    pen.fillRect(0, 0, width, height);
    this.context.globalAlpha = blend;
    this.context.drawImage(this.big, 0, 0);
  }
  outline(layer, [mask]) {
    this.flush();
    const pen = this.context, thin = this.canvas.width / 150;
    pen.globalAlpha = 1;
    pen.lineJoin = "round";
    for (const label of labelsOf(mask)) {
      const path = outline(mask, label, this.height, this.width, this.scale);
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
  // What the layers say of one pixel, in words.
  tell(row, column, position, layers, unit) {
    const here = { ...position, [this.y]: row, [this.x]: column }, parts = [`row ${row}, column ${column}`];
    for (const layer of layers) {
      const [source] = this.sources[layer.key] ?? [];
      if (!source) continue;
      if (layer.kind === "outline") parts.push(`${layer.label}: ${this.classes[source.at(here)] ?? source.at(here)}`);
      if (layer.kind === "map") parts.push(`${layer.label} ${((source.at(here) / 255) * unit.max).toFixed(3)} ${unit.name}`);
    }
    return parts.join(" · ");
  }
}

// A chart drawn in Python; here it gets a cursor, lines that move with the position, and values.
class Chart {
  constructor(spec, stored, jump) {
    Object.assign(this, spec);
    this.lines = spec.lines.map((line) => ({ ...line, source: line.ref && stored(line.ref) }));
    this.moving = spec.moving.map((line) => ({ ...line, xs: stored(line.x), ys: stored(line.y) }));
    this.node = el("div", { class: "ucmt-chart" });
    this.node.innerHTML = spec.svg; // made by this kit, no text of others in it
    this.svg = this.node.firstElementChild;
    const { left, right, top, bottom } = spec.box;
    this.cursor = svgEl("line", { y1: top, y2: bottom, stroke: "currentColor", "stroke-width": 1.5 });
    if (spec.at) this.svg.append(this.cursor);
    for (const line of this.moving) {
      line.path = svgEl("path", { fill: "none", stroke: line.colour, "stroke-width": 2, "stroke-dasharray": line.dash });
      line.dot = svgEl("circle", { r: 4.5, fill: line.colour, stroke: "currentColor" });
      this.svg.append(line.path);
      if (line.marker) this.svg.append(line.dot);
    }
    this.legend = el("div", { class: "ucmt-legend" });
    for (const line of [...this.lines, ...this.moving]) {
      line.value = el("b");
      if (line.label) this.legend.append(el("span", {}, swatch(line), ` ${line.label} `, line.value));
    }
    this.node.append(this.legend);
    const marked = this.moving.find((line) => line.marker);
    if (!spec.at && !marked) return;
    this.svg.classList.add("ucmt-click");
    const places = () => spec.at ?? Array.from({ length: marked.count }, (_, i) => marked.xs.at({ ...this.position, level: i }));
    const go = (event) => {
      const place = this.svg.getBoundingClientRect(), wide = this.svg.viewBox.baseVal.width;
      const share = (((event.clientX - place.left) / place.width) * wide - left) / (right - left);
      const value = spec.box.x[0] + share * (spec.box.x[1] - spec.box.x[0]), xs = places();
      jump(spec.at ? spec.control : marked.marker, xs.reduce((best, x, i) => (Math.abs(x - value) < Math.abs(xs[best] - value) ? i : best), 0));
    };
    this.svg.addEventListener("pointerdown", (event) => { this.svg.setPointerCapture(event.pointerId); go(event); });
    this.svg.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
  }
  across(x) { return this.box.left + ((x - this.box.x[0]) / (this.box.x[1] - this.box.x[0])) * (this.box.right - this.box.left); }
  down(y) { return this.box.bottom - ((y - this.box.y[0]) / (this.box.y[1] - this.box.y[0])) * (this.box.bottom - this.box.top); }
  draw(position) {
    this.position = position;
    if (this.at) {
      const x = this.across(this.at[position[this.control]]);
      this.cursor.setAttribute("x1", x);
      this.cursor.setAttribute("x2", x);
    }
    for (const line of this.lines) if (line.source) line.value.textContent = line.source.at(position).toFixed(3);
    for (const line of this.moving) {
      const point = (i) => { const here = { ...position, level: i }; return [line.xs.at(here), line.ys.at(here)]; };
      let path = "", pen = "M";
      for (let i = 0; i < line.count; i++) {
        const [x, y] = point(i);
        if (Number.isNaN(x) || Number.isNaN(y)) continue;
        path += `${pen}${this.across(x).toFixed(1)} ${this.down(y).toFixed(1)}`;
        pen = "L";
      }
      line.path.setAttribute("d", path);
      if (!line.marker) continue;
      const [x, y] = point(position[line.marker]), there = !Number.isNaN(x) && !Number.isNaN(y);
      line.dot.setAttribute("visibility", there ? "visible" : "hidden");
      if (there) { line.dot.setAttribute("cx", this.across(x)); line.dot.setAttribute("cy", this.down(y)); }
      line.value.textContent = there ? y.toFixed(3) : "–";
    }
  }
}

// A little sample of a layer or line: its colour and its stroke, so that colour is never the only sign.
function swatch({ colour, dash, kind, hatch, halo }) {
  const sample = svgEl("svg", { viewBox: "0 0 26 12", width: 26, height: 12, "aria-hidden": "true" });
  if (kind === "map") {
    colour.forEach((c, i) => sample.append(svgEl("rect", { x: (i * 26) / colour.length, y: 1, width: 26 / colour.length + 0.5, height: 10, fill: c })));
  } else if (kind === "differ" || kind === "above") {
    sample.append(svgEl("rect", { x: 1, y: 1, width: 24, height: 10, fill: hatch ? "#555" : colour }));
    if (hatch) for (let x = 0; x < 28; x += 6) sample.append(svgEl("line", { x1: x - 4, y1: 11, x2: x + 4, y2: 1, stroke: colour, "stroke-width": 2.4 }));
  } else {
    const line = { x1: 0, x2: 26, y1: 6, y2: 6 };
    if (kind === "outline") sample.append(svgEl("line", { ...line, stroke: halo, "stroke-width": 6 }));
    sample.append(svgEl("line", { ...line, stroke: colour, "stroke-width": 3, "stroke-dasharray": Array.isArray(dash) ? dash.map((d) => d * 2.4).join(" ") : dash }));
  }
  return sample;
}

async function render({ model, el: host }) {
  const spec = model.get("spec"), buffer = await unpack(model.get("data"));
  const stored = (ref) => new Stored(buffer, ref);
  const lut = spec.lut ? new Uint32Array(stored(spec.lut).values.slice().buffer) : new Uint32Array(256);
  const panels = spec.panels.map((panel) => new Panel(panel, spec.layers, stored, lut));
  const charts = spec.charts.map((chart) => new Chart(chart, stored, (name, index) => go(name, index)));
  let position = { ...model.get("position") }, shown = [...model.get("shown")], blend = model.get("blend");
  let timer = null, saving = null, speaking = null, unsaved = {};

  const root = el("div", { class: "ucmt-stack", tabindex: 0, role: "group", "aria-label": spec.label });
  const bar = el("div", { class: "ucmt-bar" }), toggles = el("div", { class: "ucmt-toggles", role: "group", "aria-label": "layers" });
  const speech = el("div", { class: "ucmt-speech", "aria-live": "polite" });
  const pixel = el("div", { class: "ucmt-pixel" });
  const idle = "Arrow keys move, space plays, digits switch layers; point at a pixel to read it.";
  pixel.textContent = idle;

  const controls = spec.controls.filter((control) => control.values.length > 1).map((control) => {
    const value = el("output", { class: "ucmt-value" });
    const range = el("input", { type: "range", min: 0, max: control.values.length - 1, step: 1, "aria-label": control.label });
    range.addEventListener("input", () => go(control.name, Number(range.value)));
    const row = el("label", { class: "ucmt-control" }, el("span", {}, control.label), range, value);
    bar.append(row);
    return { ...control, range, value };
  });
  const played = controls.find((control) => control.play);
  const play = el("button", { class: "ucmt-play", type: "button", "aria-label": "play" }, "▶");
  if (played) bar.prepend(play);
  play.addEventListener("click", () => (timer ? stop() : start()));

  spec.layers.forEach((layer, index) => {
    layer.button = el("button", { type: "button", title: `key ${index + 1}` }, swatch(layer), ` ${layer.label}`);
    layer.button.addEventListener("click", () => toggle(layer.key));
    toggles.append(layer.button);
  });
  if (spec.blended) {
    const fade = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: blend, "aria-label": "opacity of filled layers" });
    fade.addEventListener("input", () => { blend = Number(fade.value); changed("blend", blend); });
    toggles.append(el("label", { class: "ucmt-fade" }, "opacity ", fade));
    spec.fade = fade;
  }
  if (spec.lut) {
    const ramp = el("span", { class: "ucmt-ramp" });
    const map = spec.layers.find((layer) => layer.kind === "map");
    ramp.style.background = `linear-gradient(to right, ${map.colour.join(",")})`;
    toggles.append(el("span", { class: "ucmt-scale" }, `${map.label} 0`, ramp, `${spec.unit.max.toFixed(2)} ${spec.unit.name}`));
  }

  const gallery = el("div", { class: "ucmt-panels" }), side = el("div", { class: "ucmt-charts" });
  gallery.style.flexBasis = `${[0, 300, 560, 1240][Math.min(panels.length, 3)]}px`; // three leave the row to themselves
  gallery.style.maxWidth = `${panels.length * 400}px`;
  for (const panel of panels) {
    panel.numbers = panel.readouts.map((item) => ({ ...item, source: stored(item.ref), node: el("dd") }));
    const list = el("dl", {}, ...panel.numbers.flatMap((item) => [el("dt", {}, item.label), item.node]));
    gallery.append(el("figure", {}, el("figcaption", {}, panel.title), panel.canvas, list));
    const where = (event) => {
      const place = panel.canvas.getBoundingClientRect();
      return [Math.floor(((event.clientY - place.top) / place.height) * panel.height), Math.floor(((event.clientX - place.left) / place.width) * panel.width)];
    };
    panel.canvas.addEventListener("pointermove", (event) => {
      const [row, column] = where(event);
      if (row < 0 || column < 0 || row >= panel.height || column >= panel.width) return;
      pixel.textContent = panel.tell(row, column, position, spec.layers, spec.unit);
      if (event.buttons && panel.cross) cross(panel, row, column);
    });
    panel.canvas.addEventListener("pointerleave", () => (pixel.textContent = idle));
    panel.canvas.addEventListener("pointerdown", (event) => panel.cross && cross(panel, ...where(event)));
  }
  side.append(...charts.map((chart) => chart.node));
  root.append(bar, toggles, el("div", { class: "ucmt-body" }, gallery, ...(charts.length ? [side] : [])), pixel, speech);
  host.append(root);

  function draw() {
    for (const control of controls) {
      const text = `${control.values[position[control.name]]}${control.unit ? ` ${control.unit}` : ""}`;
      control.range.value = position[control.name];
      control.range.setAttribute("aria-valuetext", text);
      control.value.textContent = text;
    }
    for (const layer of spec.layers) layer.button.setAttribute("aria-pressed", shown.includes(layer.key));
    for (const panel of panels) {
      panel.draw(position, shown, blend);
      for (const item of panel.numbers) {
        const value = item.source.at(position);
        item.node.textContent = Number.isNaN(value) ? "–" : `${(value * item.scale).toFixed(item.digits)}${item.unit}`;
      }
      panel.canvas.setAttribute("aria-label", told(panel));
      if (panel.cross) crosshair(panel);
    }
    for (const chart of charts) chart.draw(position);
    if (!timer) { clearTimeout(speaking); speaking = setTimeout(() => (speech.textContent = panels.map(told).join("; ")), 500); }
  }
  const told = (panel) => `${panel.title}, ${controls.map((c) => `${c.label} ${c.values[position[c.name]]}`).join(", ")}: ${panel.numbers.map((item) => `${item.label} ${item.node.textContent}`).join(", ")}`;
  function crosshair(panel) {
    const pen = panel.context, x = (position[panel.x] + 0.5) * panel.scale, y = (position[panel.y] + 0.5) * panel.scale;
    pen.setLineDash([4, 6]);
    pen.lineWidth = 1.5;
    pen.strokeStyle = "rgba(255,255,255,.75)";
    pen.strokeRect(-2, -2, x + 2, panel.canvas.height + 4);
    pen.strokeRect(-2, -2, panel.canvas.width + 4, y + 2);
  }
  function cross(panel, row, column) {
    position = { ...position, [panel.y]: row, [panel.x]: column };
    changed("position", position);
  }
  // The kernel hears of it, but need not keep up: what it echoes must not undo what was done meanwhile.
  function changed(name, value) {
    draw();
    unsaved[name] = value;
    saving ??= setTimeout(() => {
      for (const [key, latest] of Object.entries(unsaved)) model.set(key, latest);
      model.save_changes();
      saving = null;
      unsaved = {};
    }, 100);
  }
  function move(name, index) {
    const control = spec.controls.find((c) => c.name === name);
    const kept = Math.max(0, Math.min(control.values.length - 1, index));
    if (kept === position[name]) return;
    position = { ...position, [name]: kept };
    changed("position", position);
  }
  function go(name, index) { // by hand, which ends playing
    if (timer) stop();
    move(name, index);
  }
  function toggle(key) {
    shown = shown.includes(key) ? shown.filter((other) => other !== key) : [...shown, key];
    changed("shown", shown);
  }
  function stop() {
    clearInterval(timer);
    timer = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "play");
    draw();
  }
  function start() {
    const last = played.values.length - 1;
    if (position[played.name] === last) move(played.name, 0);
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "pause");
    timer = setInterval(() => (position[played.name] < last ? move(played.name, position[played.name] + 1) : stop()), 160);
  }

  root.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || ["Tab", "Escape", "Shift", "Enter"].includes(event.key)) return;
    event.stopPropagation(); // else the notebook takes arrow keys, and letters delete cells
    const layer = spec.layers[Number(event.key) - 1], inRange = event.target.type === "range";
    const [first, second] = controls;
    const moves = { ArrowRight: [first, 1], ArrowLeft: [first, -1], ArrowUp: [second, 1], ArrowDown: [second, -1], Home: [first, -1e9], End: [first, 1e9] };
    if (layer) toggle(layer.key);
    else if (event.key === " " && event.target.tagName !== "BUTTON" && played) play.click();
    else if (event.key in moves && !inRange) { const [control, by] = moves[event.key]; if (control) go(control.name, position[control.name] + by); }
    else return;
    event.preventDefault();
  });
  const follow = () => {
    if (!("position" in unsaved)) position = { ...model.get("position") };
    if (!("shown" in unsaved)) shown = [...model.get("shown")];
    if (!("blend" in unsaved)) blend = model.get("blend");
    if (spec.fade) spec.fade.value = blend;
    draw();
  };
  model.on("change:position change:shown change:blend", follow);
  draw();
  return () => { clearInterval(timer); clearTimeout(speaking); clearTimeout(saving); model.off("change:position change:shown change:blend", follow); };
}

export default { render };
