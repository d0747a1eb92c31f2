// A chart drawn in Python; here it gets a cursor, lines that move with the position, and values.

import { Slot, el, shareOf, svgEl, swatch } from "./dom.js";

const DIGITS = 3;

// The chart that Python has drawn on one scale; made by this kit, no text of others in it.
function drawn({ svg }) {
  const holder = el("div");
  holder.innerHTML = svg;
  return holder.firstElementChild;
}

export class Chart {
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
    this.svg.append(this.axes, ...(this.positions ? [this.cursor] : []));
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
      const value = el("b", {}, ...(values ? [line.value.node] : []));
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
    const value = x[0] + ((across - left) / (right - left)) * (x[1] - x[0]);
    const places = this.positions ?? this.pointsOf(this.marked, this.position).map((point) => point.x);
    const nearest = places.reduce(
      (best, place, i) => (Math.abs(place - value) < Math.abs(places[best] - value) ? i : best),
      0,
    );
    this.jump(this.positions ? this.control : this.marked.marker, nearest);
  }
  pointsOf(line, position) {
    return Array.from({ length: line.count }, (_, level) => this.pointOf(line, { ...position, level }));
  }
  pointOf(line, position) {
    const x = line.xs.value(position);
    const y = line.ys.value(position);
    // What is left of the scale, as thresholds that keep next to nothing, is not drawn.
    return { x, y, finite: x >= this.box.x[0] && !Number.isNaN(y) };
  }
  across(x) {
    const { left, right, x: scale } = this.box;
    return left + ((x - scale[0]) / (scale[1] - scale[0])) * (right - left);
  }
  down(y) {
    const { top, bottom, y: scale } = this.box;
    const place = bottom - ((y - scale[0]) / (scale[1] - scale[0])) * (bottom - top);
    return Math.max(top, place); // what is above the scale is drawn at its top
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
}
