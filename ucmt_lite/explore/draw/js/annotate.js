// A drawing board: a brush on an image, by mouse, finger or keys. The mask goes to the kernel after each
// stroke. The traits of the model are those of `Annotate` in annotate.py.

import { button, bytesOf, el, listenToKeys, range, shareOf } from "./dom.js";

const SIDE = 560; // of the drawing, in pixels, about
const MAX_PAST = 50; // strokes that can be undone
const WHITE = [255, 255, 255];
const CHANGES = "change:expert change:message";
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
const LABEL = "drawing board: arrow keys move the brush, space draws, u undoes";

const clamp = (value, length) => Math.min(length - 1, Math.max(0, value));

class Board {
  constructor(model) {
    this.model = model;
    [this.height, this.width] = model.get("size");
    this.scale = Math.max(1, Math.round(SIDE / Math.max(this.height, this.width)));
    this.colour = model
      .get("colour")
      .match(/\w\w/g)
      .map((part) => parseInt(part, 16));
    this.classes = model.get("classes");
    this.pixels = new Uint8ClampedArray(bytesOf(model.get("pixels")));
    this.mask = bytesOf(model.get("drawn")).slice();
    this.past = [];
    this.label = 1; // the class that the brush draws
    this.size = Math.max(2, Math.round(this.width / 20)); // of the brush, in pixels of the image
    this.spent = model.get("seconds");
    this.began = null; // when the clock would have started, had it never stood
    this.last = null; // where a stroke came from
    this.cursor = [Math.floor(this.height / 2), Math.floor(this.width / 2)];
    this.canvas = el("canvas", { tabindex: 0, role: "application", "aria-label": LABEL });
    this.canvas.width = this.width * this.scale;
    this.canvas.height = this.height * this.scale;
    this.pen = this.canvas.getContext("2d");
    this.small = new OffscreenCanvas(this.width, this.height);
    this.message = el("div", { "aria-live": "polite" });
    const attributes = { class: "ucmt-annotate", role: "group", "aria-label": "draw a mask" };
    this.root = el("div", attributes, this.bar(), this.canvas, this.message);
    this.point();
    this.endKeys = listenToKeys(this.root, (event) => this.key(event));
    this.timer = setInterval(() => this.tick(), 1000);
    this.follow = () => this.draw();
    model.on(CHANGES, this.follow);
    this.draw();
  }
  close() {
    clearInterval(this.timer);
    this.endKeys();
    this.model.off(CHANGES, this.follow);
  }

  bar() {
    this.tools = this.classes.map((name, index) =>
      button([index ? `draw ${name}` : "erase"], () => this.choose(index), `key ${index}`),
    );
    const limits = { min: 1, max: Math.round(this.width / 4), value: this.size };
    const brush = range("size of the brush", limits, (size) => {
      this.size = size;
      this.draw();
    });
    this.clock = el("output", { class: "ucmt-value" });
    const [erase, ...draw] = this.tools;
    return el(
      "div",
      { class: "ucmt-toggles" },
      ...draw,
      erase,
      el("label", { class: "ucmt-fade" }, "brush ", brush),
      button(["fill inside"], () => this.fill(), "key f"),
      button(["undo"], () => this.undo(), "key u"),
      ...(this.model.get("scored") ? [button(["compare with the expert"], () => this.compare())] : []),
      this.clock,
    );
  }
  point() {
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.begin();
      this.cursor = this.placeOf(event);
      this.last = this.cursor;
      this.dab(this.last);
      this.draw();
    });
    canvas.addEventListener("pointermove", (event) => {
      this.cursor = this.placeOf(event);
      if (this.last) {
        this.line(this.last, this.cursor);
        this.last = this.cursor;
      }
      this.draw();
    });
    const lift = () => {
      if (!this.last) return;
      this.last = null;
      this.save();
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
  }
  placeOf(event) {
    const [down, across] = shareOf(event, this.canvas);
    return [down * this.height - 0.5, across * this.width - 0.5];
  }

  draw() {
    this.drawMask();
    this.drawBrush();
    this.tools.forEach((node, index) => node.setAttribute("aria-pressed", index === this.label));
    this.writeClock();
    this.message.textContent = this.model.get("message");
  }
  drawMask() {
    const image = new ImageData(this.pixels.slice(), this.width, this.height);
    const expert = bytesOf(this.model.get("expert"));
    for (let i = 0; i < this.mask.length; i++) {
      const tint = this.tintOf(i, expert);
      if (!tint) continue;
      for (let c = 0; c < 3; c++) {
        image.data[4 * i + c] += (tint.colour[c] - image.data[4 * i + c]) * tint.share;
      }
    }
    this.small.getContext("2d").putImageData(image, 0, 0);
    this.pen.imageSmoothingEnabled = false;
    this.pen.drawImage(this.small, 0, 0, this.canvas.width, this.canvas.height);
  }
  // The colour that a pixel gets, and how much of it: the expert's border is white, and above what was drawn.
  tintOf(i, expert) {
    if (expert.length && expert[i] && this.onBorder(expert, i)) return { colour: WHITE, share: 1 };
    if (!this.mask[i]) return null;
    return { colour: this.colour, share: this.onBorder(this.mask, i) ? 1 : 0.2 + 0.2 * this.mask[i] };
  }
  // Asked of every pixel at every move, so without lists.
  onBorder(values, i) {
    const { height, width } = this;
    const column = i % width;
    const row = Math.floor(i / width);
    return (
      (column > 0 && values[i - 1] !== values[i]) ||
      (column < width - 1 && values[i + 1] !== values[i]) ||
      (row > 0 && values[i - width] !== values[i]) ||
      (row < height - 1 && values[i + width] !== values[i])
    );
  }
  drawBrush() {
    const [row, column] = this.cursor;
    const radius = (this.size / 2) * this.scale;
    this.pen.lineWidth = 2;
    for (const [style, shift] of [
      ["#000", 1],
      ["#fff", 0],
    ]) {
      this.pen.strokeStyle = style;
      this.pen.beginPath();
      this.pen.arc((column + 0.5) * this.scale, (row + 0.5) * this.scale, radius + shift, 0, 7);
      this.pen.stroke();
    }
  }
  tick() {
    if (!this.began) return;
    this.spent = (Date.now() - this.began) / 1000;
    this.writeClock();
  }
  writeClock() {
    const seconds = String(Math.floor(this.spent % 60)).padStart(2, "0");
    this.clock.textContent = `${Math.floor(this.spent / 60)}:${seconds} min`;
  }

  choose(label) {
    this.label = label;
    this.draw();
  }
  dab([row, column]) {
    const radius = this.size / 2;
    const bottom = Math.min(this.height - 1, row + radius);
    const right = Math.min(this.width - 1, column + radius);
    for (let r = Math.max(0, Math.ceil(row - radius)); r <= bottom; r++) {
      for (let c = Math.max(0, Math.ceil(column - radius)); c <= right; c++) {
        const inside = (r - row) ** 2 + (c - column) ** 2 <= radius ** 2;
        if (inside) this.mask[r * this.width + c] = this.label;
      }
    }
  }
  line(from, to) {
    const [down, across] = [to[0] - from[0], to[1] - from[1]];
    const steps = Math.max(1, Math.ceil(Math.hypot(down, across)));
    for (let i = 0; i <= steps; i++) this.dab([from[0] + (down * i) / steps, from[1] + (across * i) / steps]);
  }
  begin() {
    this.began ??= Date.now() - this.spent * 1000;
    this.past.push(this.mask.slice());
    if (this.past.length > MAX_PAST) this.past.shift();
  }
  save() {
    if (this.began) this.spent = (Date.now() - this.began) / 1000;
    this.model.set("seconds", this.spent);
    this.model.set("drawn", new DataView(this.mask.slice().buffer));
    this.model.save_changes();
    this.draw();
  }
  // What the border of the mask cannot reach from outside becomes part of it.
  fill() {
    this.begin();
    const { mask } = this;
    const outside = new Uint8Array(mask.length);
    const open = [];
    const reach = (i) => {
      if (mask[i] || outside[i]) return;
      outside[i] = 1;
      open.push(i);
    };
    for (let i = 0; i < mask.length; i++) if (this.neighboursOf(i).length < 4) reach(i);
    while (open.length) this.neighboursOf(open.pop()).forEach(reach);
    for (let i = 0; i < mask.length; i++) if (!mask[i] && !outside[i]) mask[i] = this.label || 1;
    this.save();
  }
  // Up to four; fewer at the edge of the image.
  neighboursOf(i) {
    const { height, width } = this;
    const column = i % width;
    const row = Math.floor(i / width);
    const neighbours = [];
    if (column > 0) neighbours.push(i - 1);
    if (column < width - 1) neighbours.push(i + 1);
    if (row > 0) neighbours.push(i - width);
    if (row < height - 1) neighbours.push(i + width);
    return neighbours;
  }
  undo() {
    if (!this.past.length) return;
    this.mask.set(this.past.pop());
    this.save();
  }
  compare() {
    this.save();
    this.began = null; // the clock stands while the expert is looked at
    this.model.set("asked", true);
    this.model.save_changes();
  }
  // Returns whether the key meant something here.
  key({ key, target }) {
    if (target.type === "range") return false;
    if (key in ARROWS) this.shift(ARROWS[key]);
    else if (key === " " && target === this.canvas) this.stamp();
    else if (key === "u") this.undo();
    else if (key === "f") this.fill();
    else if (key !== " " && Number(key) < this.classes.length) this.label = Number(key);
    else return false;
    this.draw();
    return true;
  }
  shift([down, across]) {
    const [row, column] = this.cursor.map(Math.round);
    this.cursor = [clamp(row + down, this.height), clamp(column + across, this.width)];
  }
  stamp() {
    this.begin();
    this.dab(this.cursor);
    this.save();
  }
}

function render({ model, el: host }) {
  const board = new Board(model);
  host.append(board.root);
  return () => board.close();
}

export default { render };
