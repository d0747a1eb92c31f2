// Stacks of images with layers: everything was sent once, everything is drawn here, so scrubbing never asks the kernel.
// What is shown comes as `spec` (see explore/stack.py); where the reader stands is `position`, `shown` and `blend`.
// A move draws what it changes and nothing else. What can wait for the reader to rest does: the kernel, whose answers make
// the whole page busy, and the words for screen readers.
const REST = 300; // milliseconds
const IDLE = "Arrow keys move, space plays, digits switch layers; point at a pixel to read it.";
const KEYS = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowUp: [1, 1], ArrowDown: [1, -1], Home: [0, -1e9], End: [0, 1e9] };

class View {
  constructor(model, buffer) {
    this.model = model;
    this.spec = model.get("spec");
    const stored = (ref) => new Stored(buffer, ref), { spec } = this;
    const lut = spec.lut ? new Uint32Array(stored(spec.lut).values.slice().buffer) : new Uint32Array(256);
    this.panels = spec.panels.map((panel) => new Panel(panel, spec.layers, stored, lut));
    this.charts = spec.charts.map((chart) => new Chart(chart, stored, (name, index) => this.go(name, index)));
    this.unsaved = {};
    this.take();
    this.speech = el("div", { class: "ucmt-speech", "aria-live": "polite" });
    this.pixel = el("div", { class: "ucmt-pixel" }, IDLE);
    const parts = [this.bar(), this.toggles(), this.body(stored), this.pixel, this.speech];
    this.root = el("div", { class: "ucmt-stack", tabindex: 0, role: "group", "aria-label": spec.label }, ...parts);
    this.press = (event) => this.key(event);
    window.addEventListener("keydown", this.press, true); // before the page sees it: Notebook 7 would delete the cell at d d
    this.sizes = new ResizeObserver((entries) => this.fit(entries));
    for (const panel of this.panels) this.sizes.observe(panel.canvas);
    this.follow = () => { this.take(); this.draw(); };
    model.on("change:position change:shown change:blend", this.follow);
    this.draw();
  }
  close() {
    clearInterval(this.timer);
    clearTimeout(this.resting);
    this.sizes.disconnect();
    window.removeEventListener("keydown", this.press, true);
    this.model.off("change:position change:shown change:blend", this.follow);
  }
  // What the kernel says, except where it has not heard yet what was done here.
  take() {
    for (const name of ["position", "shown", "blend"]) if (!(name in this.unsaved)) this[name] = this.model.get(name);
  }

  bar() {
    const bar = el("div", { class: "ucmt-bar" });
    this.controls = this.spec.controls.filter((control) => control.values.length > 1).map((control) => {
      const words = control.values.map(String);
      const value = new Slot(Math.max(...words.map((text) => text.length)));
      const range = el("input", { type: "range", min: 0, max: control.values.length - 1, step: 1, "aria-label": control.label });
      range.addEventListener("input", () => this.go(control.name, Number(range.value)));
      bar.append(el("label", { class: "ucmt-control" }, el("span", {}, control.label), range, el("output", { class: "ucmt-value" }, value.node)));
      return { ...control, words, range, value };
    });
    this.played = this.controls.find((control) => control.play);
    this.play = el("button", { class: "ucmt-play", type: "button", "aria-label": "play" }, "▶");
    this.play.addEventListener("click", () => (this.timer ? this.stop() : this.start()));
    if (this.played) bar.prepend(this.play);
    return bar;
  }
  toggles() {
    const toggles = el("div", { class: "ucmt-toggles", role: "group", "aria-label": "layers" }), { spec } = this;
    this.buttons = spec.layers.map((layer, index) => {
      const button = el("button", { type: "button", title: `key ${index + 1}` }, swatch(layer), ` ${layer.label}`);
      button.addEventListener("click", () => this.toggle(layer.key));
      toggles.append(button);
      return button;
    });
    if (spec.blended) {
      this.fade = el("input", { type: "range", min: 0, max: 1, step: 0.05, "aria-label": "opacity of filled layers" });
      this.fade.addEventListener("input", () => this.change("blend", Number(this.fade.value)));
      toggles.append(el("label", { class: "ucmt-fade" }, "opacity ", this.fade));
    }
    if (spec.lut) {
      const map = spec.layers.find((layer) => layer.kind === "map");
      const ramp = el("span", { class: "ucmt-ramp", style: `background:linear-gradient(to right, ${map.colour.join(",")})` });
      toggles.append(el("span", { class: "ucmt-scale" }, `${map.label} 0`, ramp, `${spec.unit.max.toFixed(2)} ${spec.unit.name}`));
    }
    return toggles;
  }
  body(stored) {
    const gallery = el("div", { class: "ucmt-panels" }), side = el("div", { class: "ucmt-charts" });
    const count = this.panels.length;
    gallery.style.flexBasis = `${[0, 300, 560, 1240][Math.min(count, 3)]}px`; // three leave the row to themselves
    gallery.style.maxWidth = `${count * 400}px`;
    for (const panel of this.panels) {
      panel.numbers = panel.readouts.map((item) => {
        const source = stored(item.ref), told = (value) => (Number.isNaN(value) ? "–" : `${(value * item.scale).toFixed(item.digits)}${item.unit}`);
        return { ...item, source, told, value: new Slot(told(source.most()).length) };
      });
      const list = el("dl", {}, ...panel.numbers.flatMap((item) => [el("dt", {}, item.label), el("dd", {}, item.value.node)]));
      gallery.append(el("figure", {}, el("figcaption", {}, panel.title), panel.canvas, list));
      this.point(panel);
    }
    side.append(...this.charts.map((chart) => chart.node));
    return el("div", { class: "ucmt-body" }, gallery, ...(this.charts.length ? [side] : []));
  }
  // The pointer reads a pixel; where planes cross, a click or a drag moves the point where they do.
  point(panel) {
    const { canvas } = panel;
    const where = (event) => {
      const place = canvas.getBoundingClientRect();
      return [((event.clientY - place.top) / place.height) * panel.height, ((event.clientX - place.left) / place.width) * panel.width].map(Math.floor);
    };
    const cross = ([row, column]) => this.change("position", { ...this.position, [panel.y]: row, [panel.x]: column });
    canvas.addEventListener("pointermove", (event) => {
      const [row, column] = where(event);
      if (row < 0 || column < 0 || row >= panel.height || column >= panel.width) return;
      this.pixel.textContent = panel.tell(row, column, this.position, this.spec.unit);
      if (event.buttons && panel.cross) cross([row, column]);
    });
    canvas.addEventListener("pointerleave", () => (this.pixel.textContent = IDLE));
    canvas.addEventListener("pointerdown", (event) => panel.cross && cross(where(event)));
  }
  fit(entries) {
    for (const { target, contentRect: { width, height } } of entries) {
      const panel = this.panels.find(({ canvas }) => canvas === target), ratio = Math.min(devicePixelRatio, 2);
      if (width && panel.fit(width * ratio, height * ratio)) panel.draw(this.position, this.shown, this.blend);
    }
  }

  draw() {
    const { position, shown, blend } = this;
    for (const { name, value, words } of this.controls) value.write(words[position[name]]);
    for (const panel of this.panels) {
      panel.draw(position, shown, blend);
      for (const item of panel.numbers) item.value.write(item.told(item.source.at(position)));
    }
    for (const chart of this.charts) chart.draw(position);
    if (this.pressed !== shown) this.spec.layers.forEach((layer, i) => this.buttons[i].setAttribute("aria-pressed", shown.includes(layer.key)));
    this.pressed = shown;
    if (this.fade) this.fade.value = blend;
    this.later ??= requestAnimationFrame(() => setTimeout(() => this.thumbs()));
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rest(), REST);
  }
  // The sliders' thumbs follow one frame later: moving one costs the page more than all the rest.
  thumbs() {
    this.later = null;
    for (const { name, range, words } of this.controls) {
      range.value = this.position[name];
      range.setAttribute("aria-valuetext", words[range.value]);
    }
  }
  rest() {
    const told = this.panels.map((panel) => this.told(panel));
    this.panels.forEach((panel, i) => panel.canvas.setAttribute("aria-label", told[i]));
    if (!this.timer) this.speech.textContent = told.join("; ");
    if (!Object.keys(this.unsaved).length) return;
    for (const [name, latest] of Object.entries(this.unsaved)) this.model.set(name, latest);
    this.unsaved = {};
    this.model.save_changes();
  }
  told(panel) {
    const places = this.controls.map((control) => `${control.label} ${control.values[this.position[control.name]]}`);
    return `${panel.title}, ${places.join(", ")}: ${panel.numbers.map((item) => `${item.label} ${item.value.text}`).join(", ")}`;
  }

  change(name, value) {
    this[name] = this.unsaved[name] = value;
    this.draw();
  }
  move(name, index) {
    const control = this.spec.controls.find((other) => other.name === name);
    const kept = Math.max(0, Math.min(control.values.length - 1, index));
    if (kept !== this.position[name]) this.change("position", { ...this.position, [name]: kept });
  }
  go(name, index) { // by hand, which ends playing
    if (this.timer) this.stop();
    this.move(name, index);
  }
  toggle(key) {
    this.change("shown", this.shown.includes(key) ? this.shown.filter((other) => other !== key) : [...this.shown, key]);
  }
  start() {
    const { name, values } = this.played, last = values.length - 1;
    if (this.position[name] === last) this.move(name, 0);
    this.label("❚❚", "pause");
    this.timer = setInterval(() => (this.position[name] < last ? this.move(name, this.position[name] + 1) : this.stop()), 160);
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
  key(event) {
    if (!this.root.contains(event.target) || event.ctrlKey || event.metaKey || event.altKey || ["Tab", "Escape", "Shift", "Enter"].includes(event.key)) return;
    event.stopPropagation(); // else the notebook takes arrow keys, and letters delete cells
    const layer = this.spec.layers[Number(event.key) - 1], onRange = event.target.type === "range";
    if (layer) this.toggle(layer.key);
    else if (event.key === " " && event.target.tagName !== "BUTTON" && this.played) this.play.click();
    else if (event.key in KEYS && !onRange) {
      const [which, by] = KEYS[event.key], control = this.controls[which];
      if (control) this.go(control.name, this.position[control.name] + by);
    } else return;
    event.preventDefault();
  }
}

async function render({ model, el: host }) {
  const view = new View(model, await unpack(model.get("data")));
  host.append(view.root);
  return () => view.close();
}

export default { render };
