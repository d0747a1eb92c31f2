// Stacks of images with layers: everything was sent once, everything is drawn here, so scrubbing never asks
// the kernel. What is shown comes as `spec` (see spec.js); where the reader stands is `position`, `shown` and
// `blend`. A move draws what it changes and nothing else. What can wait for the reader to rest does: the
// kernel, whose answers make the whole page busy, and the words for screen readers.

import { Chart } from "./chart.js";
import { Slot, button, el, listenToKeys, range, shareOf, swatch } from "./dom.js";
import { Panel } from "./panel.js";
import { Stored, unpack } from "./stored.js";

const REST = 300; // milliseconds
const FRAME = 333; // milliseconds of a picture while playing: thirty take ten seconds
const STATE = ["position", "shown", "blend"];
const CHANGES = STATE.map((name) => `change:${name}`).join(" ");
const IDLE = "Arrow keys move, space plays, digits switch layers; point at a pixel to read it.";
const KEYS = {
  ArrowRight: { control: 0, by: 1 },
  ArrowLeft: { control: 0, by: -1 },
  ArrowUp: { control: 1, by: 1 },
  ArrowDown: { control: 1, by: -1 },
  Home: { control: 0, by: -Infinity },
  End: { control: 0, by: Infinity },
};
// How wide one panel may be, in pixels, by their number: everything then fits a laptop's screen.
const PANEL_WIDTHS = [0, 400, 260, 240];

class View {
  /**
   * @param {object} model of anywidget: its traits are `spec` (a `Spec`), `position`, `shown` and `blend`
   * @param {ArrayBuffer} buffer the arrays, unpacked
   */
  constructor(model, buffer) {
    this.model = model;
    /** @type {import("./spec.js").Spec} */
    this.spec = model.get("spec");
    const { spec } = this;
    const stored = (ref) => new Stored(buffer, ref);
    const lut = spec.lut ? new Uint32Array(stored(spec.lut).values.slice().buffer) : new Uint32Array(256);
    this.panels = spec.panels.map((panel) => new Panel(panel, spec.layers, stored, lut));
    this.charts = spec.charts.map((chart) => new Chart(chart, stored, (name, index) => this.go(name, index)));
    this.unsaved = {};
    this.take();
    this.speech = el("div", { class: "ucmt-speech", "aria-live": "polite" });
    this.pixel = el("div", { class: "ucmt-pixel" }, IDLE);
    const attributes = { class: "ucmt-stack", tabindex: 0, role: "group", "aria-label": spec.label };
    const parts = [this.bar(), this.toggles(), this.body(stored), this.pixel, this.speech];
    this.root = el("div", attributes, ...parts);
    this.endKeys = listenToKeys(this.root, (event) => this.key(event));
    this.sizes = new ResizeObserver((entries) => this.fit(entries));
    for (const panel of this.panels) this.sizes.observe(panel.canvas);
    this.follow = () => {
      this.take();
      this.draw();
    };
    model.on(CHANGES, this.follow);
    this.draw();
  }
  close() {
    clearInterval(this.timer);
    clearTimeout(this.resting);
    this.sizes.disconnect();
    this.endKeys();
    this.model.off(CHANGES, this.follow);
  }
  // What the kernel says, except where it has not heard yet what was done here.
  take() {
    for (const name of STATE) if (!(name in this.unsaved)) this[name] = this.model.get(name);
  }

  bar() {
    const bar = el("div", { class: "ucmt-bar" });
    const movable = this.spec.controls.filter((control) => control.values.length > 1);
    this.controls = movable.map((control) => {
      const { name, label, values } = control;
      const words = values.map(String);
      const value = new Slot(Math.max(...words.map((text) => text.length)));
      const slider = range(label, { min: 0, max: values.length - 1, step: 1 }, (index) =>
        this.go(name, index),
      );
      const output = el("output", { class: "ucmt-value" }, value.node);
      bar.append(el("label", { class: "ucmt-control" }, el("span", {}, label), slider, output));
      return { ...control, words, slider, value };
    });
    this.played = this.controls.find((control) => control.play);
    this.play = button(["▶"], () => (this.timer ? this.stop() : this.start()));
    this.play.classList.add("ucmt-play");
    this.play.setAttribute("aria-label", "play");
    if (this.played) bar.prepend(this.play);
    return bar;
  }
  toggles() {
    const { spec } = this;
    const toggles = el("div", { class: "ucmt-toggles", role: "group", "aria-label": "layers" });
    this.buttons = spec.layers.map((layer, index) =>
      button([swatch(layer), ` ${layer.label}`], () => this.toggle(layer.key), `key ${index + 1}`),
    );
    toggles.append(...this.buttons);
    if (spec.blended) {
      const change = (value) => this.change("blend", value);
      this.fade = range("opacity of filled layers", { min: 0, max: 1, step: 0.05 }, change);
      toggles.append(el("label", { class: "ucmt-fade" }, "opacity ", this.fade));
    }
    if (spec.lut) toggles.append(this.scale());
    return toggles;
  }
  scale() {
    const { layers, unit } = this.spec;
    const map = layers.find((layer) => layer.kind === "map");
    const gradient = `background:linear-gradient(to right, ${map.colour.join(",")})`;
    const ramp = el("span", { class: "ucmt-ramp", style: gradient });
    return el("span", { class: "ucmt-scale" }, `${map.label} 0`, ramp, `${unit.max.toFixed(2)} ${unit.name}`);
  }
  body(stored) {
    const gallery = el("div", { class: "ucmt-panels" });
    const count = this.panels.length;
    const width = count * PANEL_WIDTHS[Math.min(count, PANEL_WIDTHS.length - 1)];
    gallery.style.flexBasis = `${Math.min(count * 300, width)}px`;
    gallery.style.maxWidth = `${width}px`;
    for (const panel of this.panels) {
      const caption = el("figcaption", {}, panel.title);
      gallery.append(el("figure", {}, caption, panel.canvas, this.numbers(panel, stored)));
      this.point(panel);
    }
    const body = el("div", { class: "ucmt-body" }, gallery);
    const charts = this.charts.map((chart) => chart.node);
    const below = count > 2 ? " ucmt-below" : "";
    if (charts.length) body.append(el("div", { class: `ucmt-charts${below}` }, ...charts));
    return body;
  }
  numbers(panel, stored) {
    panel.numbers = panel.readouts.map(({ label, ref, scale, unit, digits }) => {
      const source = stored(ref);
      const format = (value) => (Number.isNaN(value) ? "–" : `${(value * scale).toFixed(digits)}${unit}`);
      return { label, source, format, value: new Slot(format(source.maximum()).length) };
    });
    const items = panel.numbers.flatMap(({ label, value }) => [
      el("dt", {}, label),
      el("dd", {}, value.node),
    ]);
    return el("dl", {}, ...items);
  }
  // The pointer reads a pixel; where planes cross, a click or a drag moves the point where they do.
  point(panel) {
    const { canvas, height, width } = panel;
    const pixelOf = (event) => {
      const [down, across] = shareOf(event, canvas);
      return [Math.floor(down * height), Math.floor(across * width)];
    };
    const cross = ([row, column]) =>
      this.change("position", { ...this.position, [panel.y]: row, [panel.x]: column });
    canvas.addEventListener("pointermove", (event) => {
      const [row, column] = pixelOf(event);
      if (row < 0 || column < 0 || row >= height || column >= width) return;
      this.pixel.textContent = panel.tell(row, column, this.position, this.spec.unit);
      if (event.buttons && panel.cross) cross([row, column]);
    });
    canvas.addEventListener("pointerleave", () => (this.pixel.textContent = IDLE));
    canvas.addEventListener("pointerdown", (event) => panel.cross && cross(pixelOf(event)));
  }
  fit(entries) {
    const ratio = Math.min(devicePixelRatio, 2);
    for (const { target, contentRect } of entries) {
      const panel = this.panels.find(({ canvas }) => canvas === target);
      const { width, height } = contentRect;
      const resized = width && panel.fit(width * ratio, height * ratio);
      if (resized) panel.draw(this.position, this.shown, this.blend);
    }
  }

  draw() {
    const { position, shown, blend } = this;
    for (const { name, value, words } of this.controls) value.write(words[position[name]]);
    for (const panel of this.panels) {
      panel.draw(position, shown, blend);
      for (const { source, format, value } of panel.numbers) value.write(format(source.value(position)));
    }
    for (const chart of this.charts) chart.draw(position);
    if (this.pressed !== shown) this.press(shown);
    if (this.fade) this.fade.value = blend;
    this.later ??= requestAnimationFrame(() => setTimeout(() => this.thumbs()));
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST);
  }
  press(shown) {
    this.spec.layers.forEach(({ key }, i) =>
      this.buttons[i].setAttribute("aria-pressed", shown.includes(key)),
    );
    this.pressed = shown;
  }
  // The sliders' thumbs follow one frame later: moving one costs the page more than all the rest.
  thumbs() {
    this.later = null;
    for (const { name, slider, words } of this.controls) {
      slider.value = this.position[name];
      slider.setAttribute("aria-valuetext", words[slider.value]);
    }
  }
  rest() {
    const sentences = this.panels.map((panel) => this.describe(panel));
    this.panels.forEach((panel, i) => panel.canvas.setAttribute("aria-label", sentences[i]));
    if (!this.timer) this.speech.textContent = sentences.join("; ");
    if (!Object.keys(this.unsaved).length) return;
    for (const [name, latest] of Object.entries(this.unsaved)) this.model.set(name, latest);
    this.unsaved = {};
    this.model.save_changes();
  }
  describe(panel) {
    const places = this.controls.map(({ label, values, name }) => `${label} ${values[this.position[name]]}`);
    const numbers = panel.numbers.map(({ label, value }) => `${label} ${value.text}`);
    return `${panel.title}, ${places.join(", ")}: ${numbers.join(", ")}`;
  }

  change(name, value) {
    this[name] = value;
    this.unsaved[name] = value;
    this.draw();
  }
  move(name, index) {
    const control = this.spec.controls.find((other) => other.name === name);
    const kept = Math.max(0, Math.min(control.values.length - 1, index));
    if (kept !== this.position[name]) this.change("position", { ...this.position, [name]: kept });
  }
  // Move by hand, which ends playing.
  go(name, index) {
    if (this.timer) this.stop();
    this.move(name, index);
  }
  toggle(key) {
    const others = this.shown.filter((other) => other !== key);
    this.change("shown", others.length < this.shown.length ? others : [...this.shown, key]);
  }
  start() {
    const { name, values } = this.played;
    const last = values.length - 1;
    if (this.position[name] === last) this.move(name, 0);
    this.label("❚❚", "pause");
    this.timer = setInterval(() => {
      if (this.position[name] < last) this.move(name, this.position[name] + 1);
      else this.stop();
    }, FRAME);
  }
  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.label("▶", "play");
    this.draw();
  }
  label(sign, words) {
    this.play.textContent = sign;
    this.play.setAttribute("aria-label", words);
  }
  // Returns whether the key meant something here.
  key({ key, target }) {
    const layer = this.spec.layers[Number(key) - 1];
    if (layer) this.toggle(layer.key);
    else if (key === " " && target.tagName !== "BUTTON" && this.played) this.play.click();
    else if (key in KEYS && target.type !== "range") {
      const control = this.controls[KEYS[key].control];
      if (control) this.go(control.name, this.position[control.name] + KEYS[key].by);
    } else return false;
    return true;
  }
}

async function render({ model, el: host }) {
  const view = new View(model, await unpack(model.get("data")));
  host.append(view.root);
  return () => view.close();
}

export default { render };
