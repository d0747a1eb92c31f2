// Made by `make js` from chart.js dom.js ema.js mixing.js networks.js outline.js page.js panel.js sample.js stack.js stored.js tiles.js umix_lab.js uncertainty.js
// sha256 of those: 98c3914ba4a244338768beb58924e9d3771d3e5824a0731506cbb58d3cd6e982
(() => {
  // ucmt_lite/explore/draw/js/dom.js
  var SVG = "http://www.w3.org/2000/svg";
  function withAttributes(node, attributes) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  }
  function el(tag, attributes = {}, ...children) {
    const node = withAttributes(document.createElement(tag), attributes);
    node.append(...children);
    return node;
  }
  function svgEl(tag, attributes) {
    return withAttributes(document.createElementNS(SVG, tag), attributes);
  }
  function button(content, action, title = "") {
    const node = el("button", { type: "button", title }, ...content);
    node.addEventListener("click", action);
    return node;
  }
  function range(label, limits, action) {
    const node = el("input", { type: "range", "aria-label": label, ...limits });
    node.addEventListener("input", () => action(Number(node.value)));
    return node;
  }
  var Slot = class {
    constructor(longest) {
      this.node = el("span", { class: "ucmt-slot", style: `width:${longest}ch` });
      this.text = "";
    }
    write(text) {
      if (text === this.text) return;
      this.text = text;
      this.node.textContent = text;
    }
  };
  function bytesOf(value) {
    return new Uint8Array(value.buffer ?? value, value.byteOffset ?? 0, value.byteLength);
  }
  function shareOf(event, element) {
    const box = element.getBoundingClientRect();
    return [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
  }
  function listenToKeys(root, act) {
    const passed = ["Tab", "Escape", "Shift", "Enter"];
    const listen = (event) => {
      if (!root.contains(event.target) || passed.includes(event.key)) return;
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      event.stopPropagation();
      if (act(event)) event.preventDefault();
    };
    window.addEventListener("keydown", listen, true);
    return () => window.removeEventListener("keydown", listen, true);
  }
  var SAMPLE = { width: 26, height: 12 };
  function swatch(layer) {
    const { width, height } = SAMPLE;
    const sample = svgEl("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
    if (layer.kind === "map") sample.append(...scaleOf(layer.colour));
    else if (layer.kind === "differ" || layer.kind === "above") sample.append(...surfaceOf(layer));
    else sample.append(...strokeOf(layer));
    return sample;
  }
  function scaleOf(colours) {
    const width = SAMPLE.width / colours.length;
    return colours.map(
      (fill, i) => svgEl("rect", { x: i * width, y: 1, width: width + 0.5, height: 10, fill })
    );
  }
  function surfaceOf({ colour, hatch }) {
    const parts = [svgEl("rect", { x: 1, y: 1, width: 24, height: 10, fill: hatch ? "#555" : colour })];
    if (!hatch) return parts;
    for (let x = 0; x < 28; x += 6) {
      parts.push(svgEl("line", { x1: x - 4, y1: 11, x2: x + 4, y2: 1, stroke: colour, "stroke-width": 2.4 }));
    }
    return parts;
  }
  function strokeOf({ kind: kind2, colour, dash, halo }) {
    const line = { x1: 0, x2: SAMPLE.width, y1: 6, y2: 6 };
    const dashes = Array.isArray(dash) ? dash.map((part) => part * 2.4).join(" ") : dash;
    const stroke = svgEl("line", { ...line, stroke: colour, "stroke-width": 3, "stroke-dasharray": dashes });
    if (kind2 !== "outline") return [stroke];
    return [svgEl("line", { ...line, stroke: halo, "stroke-width": 6 }), stroke];
  }

  // ucmt_lite/explore/draw/js/chart.js
  var DIGITS = 3;
  function drawn({ svg }) {
    const holder = el("div");
    holder.innerHTML = svg;
    return holder.firstElementChild;
  }
  var Chart = class {
    /**
     * @param {import("./spec.js").ChartSpec} spec
     * @param {(ref: import("./spec.js").Ref) => import("./stored.js").Stored} stored
     * @param {(control: string, index: number) => void} jump
     */
    constructor(spec, stored, jump) {
      Object.assign(this, spec);
      this.jump = jump;
      this.lines = spec.lines.map((line) => ({ ...line, source: line.ref && stored(line.ref) }));
      this.moving = spec.moving.map((line) => ({ ...line, xs: stored(line.x), ys: stored(line.y) }));
      this.node = el("div", { class: "ucmt-chart" });
      [this.framed, this.box] = [0, spec.frames[0].box];
      this.svg = drawn(spec.frames[0]);
      this.axes = svgEl("g", {});
      this.axes.append(...this.svg.childNodes);
      this.node.append(this.svg);
      const { top, bottom } = this.box;
      this.cursor = svgEl("line", { y1: top, y2: bottom, stroke: "currentColor", "stroke-width": 1.5 });
      this.svg.append(this.axes, ...this.positions ? [this.cursor] : []);
      for (const line of this.moving) this.prepare(line);
      this.node.append(this.legend());
      this.marked = this.moving.find((line) => line.marker);
      if (this.positions || this.marked) this.listen();
    }
    prepare(line) {
      const stroke = { stroke: line.colour, "stroke-width": 2, "stroke-dasharray": line.dash };
      line.path = svgEl("path", { fill: "none", ...stroke });
      line.dot = svgEl("circle", { r: 4.5, fill: line.colour, stroke: "currentColor" });
      this.svg.append(line.path);
      if (line.marker) this.svg.append(line.dot);
    }
    legend() {
      const legend = el("div", { class: "ucmt-legend" });
      for (const line of [...this.lines, ...this.moving]) {
        const values = line.source ?? (line.marker && line.ys);
        line.value = new Slot(values ? values.maximum().toFixed(DIGITS).length : 0);
        const value = el("b", {}, ...values ? [line.value.node] : []);
        if (line.label) legend.append(el("span", {}, swatch(line), ` ${line.label} `, value));
      }
      return legend;
    }
    // A click, or a drag, goes to the nearest position.
    listen() {
      this.svg.classList.add("ucmt-click");
      this.svg.addEventListener("pointerdown", (event) => {
        this.svg.setPointerCapture(event.pointerId);
        this.follow(event);
      });
      this.svg.addEventListener("pointermove", (event) => {
        if (event.buttons) this.follow(event);
      });
    }
    follow(event) {
      const { left, right, x } = this.box;
      const across = shareOf(event, this.svg)[1] * this.svg.viewBox.baseVal.width;
      const value = x[0] + (across - left) / (right - left) * (x[1] - x[0]);
      const places = this.positions ?? this.pointsOf(this.marked, this.position).map((point) => point.x);
      const nearest = places.reduce(
        (best, place, i) => Math.abs(place - value) < Math.abs(places[best] - value) ? i : best,
        0
      );
      this.jump(this.positions ? this.control : this.marked.marker, nearest);
    }
    pointsOf(line, position) {
      return Array.from({ length: line.count }, (_, level) => this.pointOf(line, { ...position, level }));
    }
    pointOf(line, position) {
      const x = line.xs.value(position);
      const y = line.ys.value(position);
      return { x, y, finite: x >= this.box.x[0] && !Number.isNaN(y) };
    }
    across(x) {
      const { left, right, x: scale } = this.box;
      return left + (x - scale[0]) / (scale[1] - scale[0]) * (right - left);
    }
    down(y) {
      const { top, bottom, y: scale } = this.box;
      const place = bottom - (y - scale[0]) / (scale[1] - scale[0]) * (bottom - top);
      return Math.max(top, place);
    }
    /** @param {import("./spec.js").Position} position */
    draw(position) {
      this.position = position;
      this.rescale(position[this.by] ?? 0);
      if (this.positions) {
        const x = this.across(this.positions[position[this.control]]);
        this.cursor.setAttribute("x1", x);
        this.cursor.setAttribute("x2", x);
      }
      for (const { source, value } of this.lines) {
        if (source) value.write(source.value(position).toFixed(DIGITS));
      }
      for (const line of this.moving) {
        this.trace(line, position);
        if (line.marker) this.mark(line, position);
      }
    }
    // The axes of another scale, in the place of those that are there.
    rescale(index) {
      if (index === this.framed) return;
      [this.framed, this.box] = [index, this.frames[index].box];
      this.axes.replaceChildren(...drawn(this.frames[index]).childNodes);
    }
    trace(line, position) {
      const places = [line.xs, line.ys].map((values) => values.indexOf(position, ["level"]));
      const wanted = [this.framed, ...places].join();
      if (wanted === line.drawn) return;
      line.drawn = wanted;
      const points = this.pointsOf(line, position).filter((point) => point.finite);
      const corners = points.map(({ x, y }) => `${this.across(x).toFixed(1)} ${this.down(y).toFixed(1)}`);
      line.path.setAttribute("d", corners.length ? `M${corners.join("L")}` : "");
    }
    mark(line, position) {
      const { x, y, finite } = this.pointOf(line, { ...position, level: position[line.marker] });
      line.dot.setAttribute("visibility", finite ? "visible" : "hidden");
      if (finite) {
        line.dot.setAttribute("cx", this.across(x));
        line.dot.setAttribute("cy", this.down(y));
      }
      line.value.write(finite ? y.toFixed(DIGITS) : "–");
    }
  };

  // ucmt_lite/explore/draw/js/ema.js
  var loss = ([a, b]) => (a * b - 1) ** 2;
  var mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  function simulate({ starts, teacherStart, rate, shrink, steps }, noise, { decay, share, same }) {
    let students = starts[Number(same)];
    let teacher = teacherStart;
    const paths = [...students, teacher].map((weights) => [weights]);
    for (let step = 0; step < steps; step++) {
      students = students.map(([a, b], k) => {
        const slope = 2 * (a * b - 1);
        const [north, east] = noise.subarray(2 * (step * students.length + k));
        return [a - rate * (slope * b + north) - shrink * a, b - rate * (slope * a + east) - shrink * b];
      });
      const alpha = Math.min(1 - 1 / (step + 1), decay);
      const mixed2 = (axis) => students.reduce((sum, weights, k) => sum + share[k] * weights[axis], 0);
      teacher = teacher.map((weight, axis) => alpha * weight + (1 - alpha) * mixed2(axis));
      [...students, teacher].forEach((weights, k) => paths[k].push(weights));
    }
    return paths;
  }
  var Following = class extends Chart {
    constructor(spec, lab, read) {
      const moving = lab.nets.map((net, k) => {
        const values = (axis) => ({ k, axis });
        const named = { ...net, label: spec.positions ? net.label : "" };
        return { ...named, x: values("x"), y: values("y"), count: lab.steps + 1, marker: "level" };
      });
      const stored = ({ k, axis }) => ({
        value: ({ level }) => level > lab.until || level < lab.nets[k].first ? NaN : read(k, level)[axis],
        indexOf: () => lab.version,
        maximum: () => 99
      });
      const chart = { ...spec, frames: [spec], by: "", lines: [], moving, control: "level" };
      super(chart, stored, (_, level) => lab.go(level));
    }
  };
  var Walk = class extends Following {
    listen() {
    }
  };
  var Lab = class {
    constructor(state2, noise) {
      Object.assign(this, state2, { noise, version: 0 });
      this.paths = simulate(this, noise, this);
      this.walk = new Walk(state2.walk, this, (k, level) => {
        const [x, y] = this.paths[k][level];
        return { x, y };
      });
      const positions = Array.from({ length: this.steps + 1 }, (_, level) => level);
      const losses = { ...state2.losses, positions };
      this.losses = new Following(losses, this, (k, x) => ({ x, y: loss(this.paths[k][x]) }));
      this.words = el("p", { "aria-live": "polite" });
      const attributes = { class: "ucmt-stack", role: "group", "aria-label": state2.label };
      const right = el("div", {}, this.losses.node, this.words);
      const charts = el("div", { class: "ucmt-charts" }, this.walk.node, right);
      this.root = el("div", attributes, this.bar(), charts);
      this.draw();
    }
    bar() {
      const { decays, steps } = this;
      const bar = el("div", { class: "ucmt-bar" });
      const index = { min: 0, max: decays.length - 1, step: 1, value: decays.indexOf(this.decay) };
      this.slider(
        bar,
        "decay",
        index,
        (at) => this.change({ decay: decays[at] }),
        () => String(this.decay)
      );
      if (this.share.length === 2) {
        const part = { min: 0, max: 1, step: 0.01, value: this.share[0] };
        const mix = (first) => this.change({ share: [first, 1 - first] });
        this.slider(bar, "share of student 1", part, mix, () => this.share[0].toFixed(2));
        const same = el("input", { type: "checkbox", ...this.same ? { checked: "" } : {} });
        same.addEventListener("change", () => this.change({ same: same.checked }));
        bar.append(el("label", {}, same, " start in the same valley"));
      }
      const time = { min: 1, max: steps, step: 1, value: this.until };
      this.time = this.slider(
        bar,
        "iteration",
        time,
        (until) => this.go(until),
        () => String(this.until)
      );
      return bar;
    }
    slider(bar, label, limits, act, words) {
      const value = new Slot(5);
      const input = range(label, limits, act);
      const write = () => {
        value.write(words());
        input.setAttribute("aria-valuetext", words());
      };
      write();
      this.written = [...this.written ?? [], write];
      const output = el("output", { class: "ucmt-value" }, value.node);
      bar.append(el("label", { class: "ucmt-control" }, el("span", {}, label), input, output));
      return input;
    }
    change(settings) {
      Object.assign(this, settings);
      this.paths = simulate(this, this.noise, this);
      this.draw();
    }
    go(iteration) {
      this.until = Math.max(1, Math.min(this.steps, iteration));
      this.time.value = this.until;
      this.draw();
    }
    draw() {
      this.version++;
      for (const chart of [this.walk, this.losses]) chart.draw({ level: this.until });
      for (const write of this.written) write();
      this.words.textContent = this.describe();
    }
    // The sentence of `describe` in ema.py.
    describe() {
      const { decay, share, same, until, nets, paths } = this;
      const parts = share.map((part) => `${(100 * part).toFixed(0)} %`).join(" and ");
      const valleys = same ? "the same valley" : "opposite valleys";
      const whom = share.length === 2 ? `two students, which start in ${valleys}` : "its student";
      const last = paths.map(
        (path) => mean(path.slice(Math.max(1, until + 1 - this.window), until + 1).map(loss))
      );
      const scores = nets.map(({ label }, k) => `${label} ${last[k].toFixed(3)}`);
      const count = Math.min(this.window, until);
      const text = `A teacher with decay ${decay} (it remembers ${memory(decay)}) follows ${parts} of ${whom}. Mean loss of the last ${count > 1 ? `${count} steps` : "step"}: ${scores.slice(0, -1).join(", ")} and ${scores.at(-1)}.`;
      return `${text} ${verdict(last, share.length === 2 && !same)}`.trim();
    }
  };
  function memory(decay) {
    if (decay < 0.5) return "only the last step";
    return decay < 1 ? `about ${(1 / (1 - decay)).toFixed(0)} steps` : "all steps alike";
  }
  function verdict(losses, apart) {
    const students = losses.slice(0, -1);
    const teacher = losses.at(-1);
    if (apart && teacher > 2 * Math.max(...students)) {
      return "The teacher is worse than every student: it stands between them, where neither ever was.";
    }
    return teacher < Math.min(...students) ? "The teacher is better than its students." : "";
  }

  // ucmt_lite/explore/draw/js/outline.js
  var TOP = 1;
  var RIGHT = 2;
  var BOTTOM = 4;
  var LEFT = 8;
  var TURNS = [1, 0, 3];
  var HALF_X = [0.5, 0, -0.5, 0];
  var HALF_Y = [0, 0.5, 0, -0.5];
  function outline(mask, label, { height, width }, across, down) {
    const corners = width + 1;
    const { leaving, starts } = edgesOf(mask, label, height, width);
    const steps = [1, corners, -1, -corners];
    const path = new Path2D();
    for (const start of starts) {
      const line = new Line(path, across, down);
      let corner = start;
      let way = 0;
      while (leaving[corner] & 1 << way) {
        leaving[corner] &= ~(1 << way);
        line.to(corner % corners + HALF_X[way], Math.floor(corner / corners) + HALF_Y[way]);
        corner += steps[way];
        for (const turn of TURNS) {
          const next = way + turn & 3;
          if (leaving[corner] & 1 << next) {
            way = next;
            break;
          }
        }
      }
      line.close();
    }
    return path;
  }
  function edgesOf(mask, label, height, width) {
    const corners = width + 1;
    const leaving = new Uint8Array(corners * (height + 1));
    const starts = [];
    for (let r = 0, i = 0; r < height; r++) {
      for (let c = 0; c < width; c++, i++) {
        if (mask[i] !== label) continue;
        const corner = r * corners + c;
        if (r === 0 || mask[i - width] !== label) {
          leaving[corner] |= TOP;
          starts.push(corner);
        }
        if (c === width - 1 || mask[i + 1] !== label) leaving[corner + 1] |= RIGHT;
        if (r === height - 1 || mask[i + width] !== label) leaving[corner + corners + 1] |= BOTTOM;
        if (c === 0 || mask[i - 1] !== label) leaving[corner + corners] |= LEFT;
      }
    }
    return { leaving, starts };
  }
  var Line = class {
    constructor(path, across, down) {
      Object.assign(this, { path, across, down, begun: false });
    }
    to(x, y) {
      if (!this.begun) this.path.moveTo(x * this.across, y * this.down);
      else {
        const slopeX = x - this.x;
        const slopeY = y - this.y;
        if (slopeX !== this.slopeX || slopeY !== this.slopeY) this.corner();
        this.slopeX = slopeX;
        this.slopeY = slopeY;
      }
      this.begun = true;
      this.x = x;
      this.y = y;
    }
    corner() {
      this.path.lineTo(this.x * this.across, this.y * this.down);
    }
    close() {
      if (!this.begun) return;
      this.corner();
      this.path.closePath();
    }
  };
  function labelsOf(mask) {
    const seen = new Uint8Array(256);
    for (let i = 0; i < mask.length; i++) seen[mask[i]] = 1;
    return [...seen.keys()].filter((label) => label && seen[label]);
  }

  // ucmt_lite/explore/draw/js/panel.js
  var MAX_PATHS = 200;
  var OPAQUE = 4278190080;
  function word(colour) {
    return parseInt(colour.slice(5, 7) + colour.slice(3, 5) + colour.slice(1, 3), 16) | OPAQUE;
  }
  function mixed(one, other, share) {
    const rest = 256 - share;
    const redBlue = (one & 16711935) * rest + (other & 16711935) * share >>> 8 & 16711935;
    const green = (one & 65280) * rest + (other & 65280) * share >>> 8 & 65280;
    return redBlue | green | OPAQUE;
  }
  function sourcesOf(length, pixels) {
    return Uint16Array.from({ length }, (_, i) => (i + 0.5) * pixels / length);
  }
  var Panel = class {
    /**
     * @param {import("./spec.js").PanelSpec} spec
     * @param {import("./spec.js").Layer[]} layers of all panels
     * @param {(ref: import("./spec.js").Ref) => import("./stored.js").Stored} stored
     * @param {Uint32Array} lut the colours of the map layer
     */
    constructor(spec, layers, stored, lut) {
      Object.assign(this, spec, { lut, drawn: null, paths: /* @__PURE__ */ new Map() });
      this.layers = layers.filter((layer) => spec.layers[layer.key]);
      this.base = stored(spec.base);
      this.sources = Object.fromEntries(
        Object.entries(spec.layers).map(([key, refs]) => [key, refs.map(stored)])
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
        for (let i = 0; i < small.length; i++) small[i] = bytes[i] * 65793 | OPAQUE;
        return;
      }
      for (let i = 0; i < small.length; i++) {
        small[i] = bytes[3 * i] | bytes[3 * i + 1] << 8 | bytes[3 * i + 2] << 16 | OPAQUE;
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
          labelsOf(mask).map((label) => outline(mask, label, this, across, down))
        );
      }
      return this.paths.get(key);
    }
    crosshair(position) {
      const pen = this.context;
      const { width, height } = this.canvas;
      const x = (position[this.x] + 0.5) / this.width * width;
      const y = (position[this.y] + 0.5) / this.height * height;
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
      for (const { key, kind: kind2, label } of this.layers) {
        const value = this.sources[key][0].value(pixel);
        if (kind2 === "outline") parts.push(`${label}: ${this.classes[value] ?? value}`);
        if (kind2 === "map") parts.push(`${label} ${(value / 255 * unit.max).toFixed(3)} ${unit.name}`);
      }
      return parts.join(" · ");
    }
  };
  function stripes(period, full) {
    return Array.from({ length: period }, (_, t) => {
      const inside = 0.3 * period + 0.5 - Math.abs(t - period / 2);
      return Math.round(full * Math.max(0, Math.min(1, inside)));
    });
  }

  // ucmt_lite/explore/draw/js/stored.js
  async function unpack(packed) {
    const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).arrayBuffer();
  }
  var Stored = class {
    /**
     * @param {ArrayBuffer} buffer
     * @param {import("./spec.js").Ref} ref
     */
    constructor(buffer, { offset, length, type, strides }) {
      const Type = type === "f4" ? Float32Array : Uint8Array;
      this.values = new Type(buffer, offset, length);
      this.strides = strides;
    }
    // The index of an element; axes that `position` does not name, and those in `except`, stand at 0.
    indexOf(position, except = []) {
      let index = 0;
      for (const [axis, stride] of Object.entries(this.strides)) {
        if (!except.includes(axis)) index += stride * (position[axis] ?? 0);
      }
      return index;
    }
    value(position) {
      return this.values[this.indexOf(position)];
    }
    maximum() {
      return this.values.reduce((maximum, value) => value > maximum ? value : maximum, 0);
    }
    // The pixels of a plane, row by row: `y` and `x` name its axes.
    slice(position, { y, x, height, width }) {
      const start = this.indexOf(position, [y, x, "c"]);
      const down = this.strides[y];
      const across = this.strides[x];
      const channels = this.strides.c ? across : 1;
      const contiguous = across === channels && down === width * across;
      if (contiguous) return this.values.subarray(start, start + height * down);
      const out = new Uint8Array(height * width);
      for (let r = 0, k = 0; r < height; r++) {
        for (let c = 0; c < width; c++, k++) out[k] = this.values[start + r * down + c * across];
      }
      return out;
    }
  };

  // ucmt_lite/explore/draw/js/stack.js
  var REST = 300;
  var FRAME = 333;
  var STATE = ["position", "shown", "blend"];
  var CHANGES = STATE.map((name) => `change:${name}`).join(" ");
  var IDLE = "Arrow keys move, space plays, digits switch layers; point at a pixel to read it.";
  var KEYS = {
    ArrowRight: { control: 0, by: 1 },
    ArrowLeft: { control: 0, by: -1 },
    ArrowUp: { control: 1, by: 1 },
    ArrowDown: { control: 1, by: -1 },
    Home: { control: 0, by: -Infinity },
    End: { control: 0, by: Infinity }
  };
  var PANEL_WIDTHS = [0, 400, 260, 240];
  var View = class {
    /**
     * @param {object} model of anywidget: its traits are `spec` (a `Spec`), `position`, `shown` and `blend`
     * @param {ArrayBuffer} buffer the arrays, unpacked
     */
    constructor(model, buffer) {
      this.model = model;
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
        const slider = range(
          label,
          { min: 0, max: values.length - 1, step: 1 },
          (index) => this.go(name, index)
        );
        const output = el("output", { class: "ucmt-value" }, value.node);
        bar.append(el("label", { class: "ucmt-control" }, el("span", {}, label), slider, output));
        return { ...control, words, slider, value };
      });
      this.played = this.controls.find((control) => control.play);
      this.play = button(["▶"], () => this.timer ? this.stop() : this.start());
      this.play.classList.add("ucmt-play");
      this.play.setAttribute("aria-label", "play");
      if (this.played) bar.prepend(this.play);
      return bar;
    }
    toggles() {
      const { spec } = this;
      const toggles = el("div", { class: "ucmt-toggles", role: "group", "aria-label": "layers" });
      this.buttons = spec.layers.map(
        (layer, index) => button([swatch(layer), ` ${layer.label}`], () => this.toggle(layer.key), `key ${index + 1}`)
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
        const format = (value) => Number.isNaN(value) ? "–" : `${(value * scale).toFixed(digits)}${unit}`;
        return { label, source, format, value: new Slot(format(source.maximum()).length) };
      });
      const items = panel.numbers.flatMap(({ label, value }) => [
        el("dt", {}, label),
        el("dd", {}, value.node)
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
      const cross = ([row, column]) => this.change("position", { ...this.position, [panel.y]: row, [panel.x]: column });
      canvas.addEventListener("pointermove", (event) => {
        const [row, column] = pixelOf(event);
        if (row < 0 || column < 0 || row >= height || column >= width) return;
        this.pixel.textContent = panel.tell(row, column, this.position, this.spec.unit);
        if (event.buttons && panel.cross) cross([row, column]);
      });
      canvas.addEventListener("pointerleave", () => this.pixel.textContent = IDLE);
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
      this.spec.layers.forEach(
        ({ key }, i) => this.buttons[i].setAttribute("aria-pressed", shown.includes(key))
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
  };
  async function render({ model, el: host2 }) {
    const view = new View(model, await unpack(model.get("data")));
    host2.append(view.root);
    return () => view.close();
  }
  var stack_default = { render };

  // ucmt_lite/explore/draw/js/mixing.js
  function misfit({ height, width }, grid, topK) {
    for (const side of [height, width]) {
      if (grid < 1 || side % grid) {
        return `A side of ${side} pixels does not split into ${grid} equal cells: choose a grid that divides ${side}.`;
      }
    }
    const most = Math.floor(grid ** 2 / 2);
    if (topK >= 0 && topK <= most) return "";
    return `top_k=${topK} does not fit ${grid ** 2} cells: choose 0 to ${most}, half the cells at most.`;
  }
  function cellMeans(map, { height, width }, grid) {
    const down = height / grid;
    const across = width / grid;
    const sums = new Float64Array(grid * grid);
    for (let y = 0, i = 0; y < height; y++) {
      const row = Math.floor(y / down) * grid;
      for (let x = 0; x < width; x++, i++) sums[row + Math.floor(x / across)] += map[i];
    }
    return Float32Array.from(sums, (sum) => Math.fround(sum) / (down * across));
  }
  function rankCells(map, sides, grid) {
    const means = cellMeans(map, sides, grid);
    return [...means.keys()].sort((one, other) => means[other] - means[one]);
  }
  function umixSource(rank1, rank2, topK) {
    const source = Int32Array.from(rank1.keys());
    const bottom = rank1.length - topK;
    for (let i = 0; i < topK; i++) source[rank1[i]] = rank2[bottom + i];
    for (let i = 0; i < topK; i++) source[rank2[i]] = rank1[bottom + i];
    return source;
  }
  function identitySource(cells) {
    return Int32Array.from({ length: cells }, (_, cell) => cell);
  }
  function cutmixSource(cells, topK, random) {
    const order = () => {
      const noise = Float64Array.from({ length: cells }, random);
      return [...noise.keys()].sort((one, other) => noise[other] - noise[one]);
    };
    return umixSource(order(), order(), topK);
  }
  function gatherCells(pixels, source, { height, width }, grid) {
    const mixed2 = pixels.slice();
    const down = height / grid;
    const across = width / grid;
    const startOf = (cell) => Math.floor(cell / grid) * down * width + cell % grid * across;
    for (let plane = 0; plane < pixels.length; plane += height * width) {
      source.forEach((from, to) => {
        if (from === to) return;
        for (let y = 0; y < down; y++) {
          const start = plane + startOf(from) + y * width;
          mixed2.set(pixels.subarray(start, start + across), plane + startOf(to) + y * width);
        }
      });
    }
    return mixed2;
  }
  function addNoise(image, random, deviation = 0.1, limit = 0.2) {
    return image.map((value) => {
      const drawn2 = deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
      return value + Math.max(-limit, Math.min(limit, drawn2));
    });
  }
  function seeded(seed) {
    let state2 = seed >>> 0;
    return () => {
      state2 = state2 + 1831565813 >>> 0;
      let word2 = Math.imul(state2 ^ state2 >>> 15, state2 | 1);
      word2 ^= word2 + Math.imul(word2 ^ word2 >>> 7, word2 | 61);
      return ((word2 ^ word2 >>> 14) >>> 0) / 2 ** 32;
    };
  }

  // ucmt_lite/explore/draw/js/networks.js
  var Networks = class _Networks {
    /**
     * @param {Uint8Array} module the text of ONNX Runtime Web's `ort.wasm.bundle.min.mjs`
     * @param {Uint8Array} wasm its WebAssembly
     * @param {Object<string, Uint8Array>} files ONNX files by name
     */
    static async load(module, wasm, files) {
      const address = URL.createObjectURL(new Blob([module], { type: "text/javascript" }));
      const ort = await import(address);
      URL.revokeObjectURL(address);
      Object.assign(ort.env.wasm, { numThreads: 1, proxy: false, wasmBinary: wasm });
      const networks = new _Networks();
      Object.assign(networks, { Tensor: ort.Tensor, sessions: {}, last: Promise.resolve() });
      for (const [name, file] of Object.entries(files)) {
        networks.sessions[name] = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
      }
      return networks;
    }
    // The probabilities of one network for an image C H W, numbers from -1 to 1: planes of classes.
    async probabilities(name, image, { height, width }) {
      const dims = [1, image.length / (height * width), height, width];
      const feed = { image: new this.Tensor("float32", image, dims) };
      const answer = this.last.then(() => this.sessions[name].run(feed));
      this.last = answer.catch(() => {
      });
      const { probabilities } = await answer;
      return probabilities.data;
    }
  };

  // ucmt_lite/explore/draw/js/uncertainty.js
  var SMALL = Math.fround(1e-6);
  function entropyOfMean(one, other, pixels) {
    const entropy = new Float32Array(pixels);
    for (let i = 0; i < one.length; i++) {
      const mean3 = Math.fround(one[i] + other[i]) / 2;
      const term = Math.fround(mean3 * Math.fround(Math.log(Math.fround(mean3 + SMALL))));
      entropy[i % pixels] -= term;
    }
    return entropy;
  }
  function decided(probabilities, pixels) {
    const mask = new Uint8Array(pixels);
    const best = probabilities.slice(0, pixels);
    for (let i = pixels; i < probabilities.length; i++) {
      const pixel = i % pixels;
      if (probabilities[i] > best[pixel]) {
        best[pixel] = probabilities[i];
        mask[pixel] = Math.floor(i / pixels);
      }
    }
    return mask;
  }
  function overlap(mask, truth, atLeast) {
    const sizes = new Uint32Array(256);
    const both = new Uint32Array(256);
    for (let i = 0; i < mask.length; i++) {
      sizes[mask[i]]++;
      sizes[truth[i]]++;
      if (mask[i] === truth[i]) both[mask[i]]++;
    }
    const classes = Math.max(atLeast, 1 + sizes.findLastIndex((size) => size > 0));
    let sum = 0;
    for (let label = 1; label < classes; label++) sum += sizes[label] ? 2 * both[label] / sizes[label] : 1;
    return sum / (classes - 1);
  }

  // ucmt_lite/explore/draw/js/sample.js
  var STUDENTS = ["student1", "student2"];
  var Samples = class {
    /**
     * @param {import("./networks.js").Networks} networks
     * @param {{images: ArrayLike<number>, masks: Uint8Array, sides: {height: number, width: number},
     *   channels: number, count: number, seed: number}} cases images are bytes, or numbers from -1 to 1
     */
    constructor(networks, cases) {
      Object.assign(this, cases, {
        networks,
        known: /* @__PURE__ */ new Map(),
        pixels: cases.sides.height * cases.sides.width
      });
    }
    // What does not depend on the mix, computed once for each image.
    before(image) {
      if (!this.known.has(image)) this.known.set(image, this.look(image));
      return this.known.get(image);
    }
    async look(image) {
      const { channels, pixels, sides } = this;
      const size = channels * pixels;
      const stored = this.images.subarray(image * size, (image + 1) * size);
      const input = toInput(stored);
      const probabilities = {};
      for (const name of [...STUDENTS, "teacher"]) {
        probabilities[name] = await this.networks.probabilities(name, input, sides);
      }
      const classes = probabilities.teacher.length / pixels;
      const pseudoLabel = decided(probabilities.teacher, pixels);
      const uncertainty = {};
      const diceBefore = {};
      for (const name of STUDENTS) {
        uncertainty[name] = entropyOfMean(probabilities[name], probabilities.teacher, pixels);
        diceBefore[name] = overlap(decided(probabilities[name], pixels), pseudoLabel, classes);
      }
      return {
        input,
        image: toBytes(input),
        truth: this.masks.subarray(image * pixels, (image + 1) * pixels),
        classes,
        uncertainty,
        pseudoLabel,
        diceBefore
      };
    }
    /** @param {{image: number, grid: number, topK: number, mix: string}} position */
    async sample(position) {
      const { image, grid, topK, mix } = position;
      const { sides, pixels } = this;
      const mistake = misfit(sides, grid, topK);
      if (mistake) throw new RangeError(mistake);
      const known = await this.before(image);
      const ranks = {};
      for (const name of STUDENTS) ranks[name] = rankCells(known.uncertainty[name], sides, grid);
      const random = seeded(this.seed);
      const source = sourceOf(mix, ranks, topK, random);
      const input = mix === "noise" ? addNoise(known.input, random) : this.moved(known.input, source, grid);
      const mixedLabel = this.moved(known.pseudoLabel, source, grid);
      const after = {};
      const diceAfter = {};
      for (const name of STUDENTS) {
        after[name] = decided(await this.networks.probabilities(name, input, sides), pixels);
        diceAfter[name] = overlap(after[name], mixedLabel, known.classes);
      }
      return {
        ...position,
        ...known,
        ranks,
        source,
        mixed: toBytes(input),
        mixedTruth: this.moved(known.truth, source, grid),
        mixedLabel,
        after,
        diceAfter
      };
    }
    moved(pixels, source, grid) {
      return gatherCells(pixels, source, this.sides, grid);
    }
  };
  function sourceOf(mix, ranks, topK, random) {
    const cells = ranks.student1.length;
    if (mix === "umix") return umixSource(ranks.student1, ranks.student2, topK);
    return mix === "cutmix" ? cutmixSource(cells, topK, random) : identitySource(cells);
  }
  function toInput(stored) {
    if (stored instanceof Float32Array) return stored.slice();
    return Float32Array.from(stored, (byte) => Math.fround(byte / 127.5) - 1);
  }
  function toBytes(input) {
    return Uint8Array.from(input, (value) => Math.round((Math.max(-1, Math.min(1, value)) + 1) * 127.5));
  }
  function pairs({ source }, letters) {
    const known = /* @__PURE__ */ new Map();
    const replaced = [...source.keys()].filter((cell) => source[cell] !== cell);
    return replaced.map((cell) => {
      const from = source[cell];
      if (!known.has(from)) known.set(from, letters[known.size % letters.length]);
      return [cell, from, known.get(from)];
    });
  }

  // ucmt_lite/explore/draw/js/tiles.js
  var OPAQUE2 = 4278190080;
  var Tile = class {
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
      Object.assign(this.canvas, sides);
      this.small = el("canvas", sides).getContext("2d", { alpha: false });
      this.node = el("figure", {}, this.caption, this.canvas);
    }
    // Take the size in pixels of the screen, never smaller than the image.
    fit() {
      const { clientWidth } = this.canvas;
      const width = Math.max(this.sides.width, Math.round(clientWidth * devicePixelRatio));
      const height = Math.round(width * this.sides.height / this.sides.width);
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
      const unit = thin * this.canvas.width / 150;
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
  };
  function wordsOfImage(bytes, pixels) {
    const words = new Uint32Array(pixels);
    const [green, blue] = bytes.length === pixels ? [0, 0] : [pixels, 2 * pixels];
    for (let i = 0; i < pixels; i++) {
      words[i] = bytes[i] | bytes[i + green] << 8 | bytes[i + blue] << 16 | OPAQUE2;
    }
    return words;
  }
  function wordsOfMap(map, maximum, table) {
    return Uint32Array.from(map, (value) => {
      return table[Math.round(Math.max(0, Math.min(1, value / maximum)) * 255)];
    });
  }

  // ucmt_lite/explore/draw/js/umix_lab.js
  var IDLE2 = 300;
  var mean2 = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  async function openLab(state2, data2, host2, still2) {
    const notice = el("p", { role: "status" }, "The networks are loading; this is what the lab shows first.");
    host2.append(notice, still2);
    try {
      const buffer = await unpack(data2);
      const stored = (name) => new Stored(buffer, state2.parts[name]).values;
      const files = Object.fromEntries(state2.networks.map((name) => [name, stored(name)]));
      const networks = await Networks.load(stored("module"), stored("wasm"), files);
      const lab = new UmixLab(state2, stored, networks);
      await lab.draw();
      host2.replaceChildren(lab.root);
      lab.watch();
    } catch (mistake) {
      notice.textContent = `The networks cannot run here, so this is a picture: ${mistake.message}`;
    }
  }
  var UmixLab = class {
    constructor(state2, stored, networks) {
      Object.assign(this, state2, state2.position, { table: new Uint32Array(stored("table").slice().buffer) });
      this.coloured = /* @__PURE__ */ new WeakMap();
      this.samples = new Samples(networks, { ...state2, images: stored("images"), masks: stored("masks") });
      this.tiles = Array.from({ length: 8 }, () => new Tile(state2.sides, state2.strokes));
      this.words = el("p", { "aria-live": "polite" });
      this.key = el("p", { class: "ucmt-key" });
      this.root = el(
        "div",
        { class: "ucmt-stack ucmt-lab", role: "group", "aria-label": state2.label },
        this.bar(),
        this.toggles(),
        el("div", { class: "ucmt-tiles" }, ...this.tiles.map((tile) => tile.node)),
        el("div", { class: "ucmt-wide" }, this.words, this.key, el("p", { class: "ucmt-notice" }, this.notice))
      );
    }
    bar() {
      const { grids } = this;
      const last = (count) => ({ min: 0, max: count - 1, step: 1 });
      this.sliders = {
        image: this.slider(
          "image",
          { ...last(this.count), value: this.image },
          (image) => this.move({ image })
        ),
        grid: this.slider("grid", { ...last(grids.length), value: grids.indexOf(this.grid) }, (at) => {
          this.move({ grid: grids[at] });
        }),
        topK: this.slider("top_k", { ...last(this.movable() + 1), value: this.topK }, (topK) => {
          this.move({ topK });
        })
      };
      return el("div", { class: "ucmt-bar" }, ...Object.values(this.sliders).map(({ node }) => node));
    }
    slider(label, limits, act) {
      const input = range(label, limits, act);
      const value = new Slot(4);
      const output = el("output", { class: "ucmt-value" }, value.node);
      const node = el("label", { class: "ucmt-control" }, el("span", {}, label), input, output);
      return { node, input, value };
    }
    toggles() {
      this.buttons = Object.entries(this.mixes).map(([name, title]) => {
        const toggle = button([name], () => this.move({ mix: name }), title);
        toggle.dataset.mix = name;
        return toggle;
      });
      return el("div", { class: "ucmt-toggles", role: "group", "aria-label": "mix" }, ...this.buttons);
    }
    // How many cells the slider offers to move: never more than half of them.
    movable() {
      return Math.min(Math.floor(this.grid ** 2 / 2), this.maxMoved);
    }
    move(position) {
      Object.assign(this, position);
      this.topK = Math.min(this.topK, this.movable());
      this.draw().catch((mistake) => this.words.textContent = mistake.message);
    }
    // Show what the sliders stand for; moves that come while the networks work are drawn as one.
    async draw() {
      this.write();
      this.late = true;
      if (this.busy) return;
      this.busy = true;
      this.root.setAttribute("aria-busy", "true");
      try {
        while (this.late) {
          this.late = false;
          const { image, grid, topK, mix } = this;
          this.shown = await this.samples.sample({ image, grid, topK, mix });
          if (!this.late) this.show(this.shown);
        }
      } finally {
        this.busy = false;
        this.root.setAttribute("aria-busy", "false");
      }
      this.lookAhead();
    }
    write() {
      const { sliders } = this;
      sliders.topK.input.max = this.movable();
      sliders.topK.input.value = this.topK;
      for (const [name, { input, value }] of Object.entries(sliders)) {
        value.write(String(this[name]));
        input.setAttribute("aria-valuetext", String(this[name]));
      }
      for (const toggle of this.buttons) toggle.setAttribute("aria-pressed", toggle.dataset.mix === this.mix);
    }
    // Look at other images while the reader rests, so that their maps are there when they are asked for.
    lookAhead() {
      clearTimeout(this.resting);
      const images = Array.from({ length: this.count }, (_, i) => (this.image + i) % this.count);
      const next = images.find((image) => !this.samples.known.has(image));
      if (next === void 0) return;
      this.resting = setTimeout(async () => {
        if (!this.busy) await this.samples.before(next);
        this.lookAhead();
      }, IDLE2);
    }
    watch() {
      new ResizeObserver(() => {
        for (const tile of this.tiles) tile.fit();
        this.show(this.shown);
      }).observe(this.tiles[0].canvas);
    }
    show(sample) {
      const contents = this.contents(sample);
      this.tiles.forEach((tile, i) => tile.draw(contents[i]));
      this.words.textContent = this.describe(sample);
      this.key.replaceChildren(...this.legend(sample));
    }
    // What each tile shows: `sample_tiles` in umix_lab.py.
    contents(sample) {
      const { pixels } = this.samples;
      const image = wordsOfImage(sample.image, pixels);
      const mixed2 = wordsOfImage(sample.mixed, pixels);
      const maximum = Math.log(sample.classes);
      const map = (name) => ({
        words: this.colours(sample.uncertainty[name], maximum),
        cells: this.ranked(sample, name)
      });
      const moved = this.movedCells(sample);
      const source = this.sourceCells(sample);
      const nats = maximum.toFixed(2);
      const replaced = `mixed image, ${moved.length} cells replaced`;
      return [
        { caption: "image, truth", words: image, outlines: { truth: sample.truth }, cells: source },
        { caption: `uncertainty of student 1 and teacher, 0 to ${nats} nats`, ...map("student1") },
        { caption: "uncertainty of student 2 and teacher", ...map("student2") },
        {
          caption: "pseudo label of the teacher",
          words: image,
          outlines: { teacher: sample.pseudoLabel },
          cells: source
        },
        { caption: replaced, words: mixed2, outlines: { truth: sample.mixedTruth }, cells: moved },
        ...Object.entries(sample.after).map(([name, mask]) => {
          const dice = `Dice ${sample.diceAfter[name].toFixed(2)} with the moved pseudo label`;
          const caption = `${this.titles[name]} on it, ${dice}`;
          return { caption, words: mixed2, outlines: { [name]: mask } };
        }),
        {
          caption: "pseudo label, moved alike",
          words: mixed2,
          outlines: { teacher: sample.mixedLabel },
          cells: moved
        }
      ];
    }
    // The colours of a map, which stays while only the mix changes.
    colours(map, maximum) {
      if (!this.coloured.has(map)) this.coloured.set(map, wordsOfMap(map, maximum, this.table));
      return this.coloured.get(map);
    }
    cell({ grid }, number, stroke, letter = "") {
      return { row: Math.floor(number / grid), column: number % grid, grid, stroke, letter };
    }
    movedCells(sample) {
      return pairs(sample, this.letters).map(([cell, , letter]) => {
        return this.cell(sample, cell, "uncertain", letter);
      });
    }
    sourceCells(sample) {
      const copied = new Map(pairs(sample, this.letters).map(([, source, letter]) => [source, letter]));
      return [...copied].map(([cell, letter]) => this.cell(sample, cell, "certain", letter));
    }
    ranked(sample, name) {
      const { mix, topK, ranks } = sample;
      if (mix === "cutmix") return [...this.movedCells(sample), ...this.sourceCells(sample)];
      if (mix !== "umix" || !topK) return [];
      const rank = ranks[name];
      const red = rank.slice(0, topK).map((cell, i) => this.cell(sample, cell, "uncertain", String(i + 1)));
      return [...red, ...rank.slice(-topK).map((cell) => this.cell(sample, cell, "certain"))];
    }
    describe(sample) {
      const { mix, topK, grid } = sample;
      const moved = pairs(sample, this.letters);
      let text = `${mix} with top_k ${topK} on a grid of ${grid} x ${grid} cells:`;
      text += ` ${moved.length} cells are replaced`;
      if (moved.length) {
        const maps = Object.values(sample.uncertainty).map((map) => cellMeans(map, this.sides, grid));
        const nats = (cells) => mean2(cells.map((cell) => mean2(maps.map((map) => map[cell])))).toFixed(3);
        const replaced = nats(moved.map(([cell]) => cell));
        const copied = nats(moved.map(([, source]) => source));
        text += `, with ${replaced} nats on average, by the content of cells with ${copied} nats`;
      }
      const scores = Object.entries(sample.diceAfter).map(([name, after]) => {
        const agrees = `${this.titles[name]} agrees with the moved pseudo label to Dice ${after.toFixed(2)}`;
        return `${agrees} (before the mix ${sample.diceBefore[name].toFixed(2)})`;
      });
      return `${text}. On the mixed image ${scores.join(" and ")}.`;
    }
    // What borders, letters and numbers mean under this mix: `_key` in umix_lab.py.
    legend({ mix, topK }) {
      if (mix === "noise") return ["noise on every pixel: no cell moves"];
      if (mix === "identity" || !topK) return ["no cell moves"];
      const umix = mix === "umix";
      const drawn2 = "cells drawn at random";
      const sign = (stroke, text) => el("span", { style: `color:${this.strokes[stroke].colour}` }, text);
      return [
        sign("uncertain", "■"),
        ` solid: ${umix ? "the least certain cells" : drawn2}, replaced · `,
        sign("certain", "▨"),
        ` dashed: ${umix ? "the most certain cells" : drawn2}, copied`,
        " · equal letters: where the content came from",
        umix ? " · numbers: rank" : ""
      ];
    }
  };

  // ucmt_lite/explore/draw/js/page.js
  function bytesFrom(text) {
    const letters = atob(text);
    const bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i);
    return bytes;
  }
  function still() {
    const { textContent } = document.querySelector("noscript");
    return new DOMParser().parseFromString(textContent, "text/html").querySelector("img");
  }
  var Model = class {
    constructor(traits) {
      this.traits = traits;
    }
    get(name) {
      return this.traits[name];
    }
    set(name, value) {
      this.traits[name] = value;
    }
    on() {
    }
    off() {
    }
    save_changes() {
    }
  };
  function tellHeight(host2) {
    const tell = () => parent.postMessage({ ucmtHeight: host2.getBoundingClientRect().bottom }, "*");
    if (parent !== window) new ResizeObserver(tell).observe(host2);
  }
  var { kind, data, ...state } = JSON.parse(document.getElementById("ucmt-state").textContent);
  var host = document.getElementById("ucmt-explorer");
  if (kind === "ema") host.append(new Lab(state, new Float64Array(bytesFrom(data).buffer)).root);
  else if (kind === "umix_lab") openLab(state, bytesFrom(data), host, still());
  else stack_default.render({ model: new Model({ ...state, data: bytesFrom(data) }), el: host });
  tellHeight(host);
})();
