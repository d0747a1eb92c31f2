// A chart drawn in Python; here it gets a cursor, lines that move with the position, and values.
class Chart {
  constructor(spec, stored, jump) {
    Object.assign(this, spec);
    this.lines = spec.lines.map((line) => ({ ...line, source: line.ref && stored(line.ref) }));
    this.moving = spec.moving.map((line) => ({ ...line, xs: stored(line.x), ys: stored(line.y) }));
    this.node = el("div", { class: "ucmt-chart" });
    this.node.innerHTML = spec.svg; // made by this kit, no text of others in it
    this.svg = this.node.firstElementChild;
    this.cursor = svgEl("line", { y1: spec.box.top, y2: spec.box.bottom, stroke: "currentColor", "stroke-width": 1.5 });
    if (spec.at) this.svg.append(this.cursor);
    for (const line of this.moving) {
      line.path = svgEl("path", { fill: "none", stroke: line.colour, "stroke-width": 2, "stroke-dasharray": line.dash });
      line.dot = svgEl("circle", { r: 4.5, fill: line.colour, stroke: "currentColor" });
      this.svg.append(line.path);
      if (line.marker) this.svg.append(line.dot);
    }
    this.node.append(this.legend());
    const marked = this.moving.find((line) => line.marker);
    if (spec.at || marked) this.listen(spec.at ? spec.control : marked.marker, marked, jump);
  }
  legend() {
    const legend = el("div", { class: "ucmt-legend" });
    for (const line of [...this.lines, ...this.moving]) {
      const values = line.source ?? (line.marker && line.ys);
      line.value = new Slot(values ? values.most().toFixed(3).length : 0);
      if (line.label) legend.append(el("span", {}, swatch(line), ` ${line.label} `, el("b", {}, ...(values ? [line.value.node] : []))));
    }
    return legend;
  }
  // A click, or a drag, goes to the nearest position.
  listen(control, marked, jump) {
    const { box, svg } = this;
    const places = () => this.at ?? Array.from({ length: marked.count }, (_, i) => marked.xs.at({ ...this.position, level: i }));
    const go = (event) => {
      const place = svg.getBoundingClientRect();
      const share = (((event.clientX - place.left) / place.width) * svg.viewBox.baseVal.width - box.left) / (box.right - box.left);
      const value = box.x[0] + share * (box.x[1] - box.x[0]), xs = places();
      jump(control, xs.reduce((best, x, i) => (Math.abs(x - value) < Math.abs(xs[best] - value) ? i : best), 0));
    };
    svg.classList.add("ucmt-click");
    svg.addEventListener("pointerdown", (event) => { svg.setPointerCapture(event.pointerId); go(event); });
    svg.addEventListener("pointermove", (event) => { if (event.buttons) go(event); });
  }
  across(x) { return this.box.left + ((x - this.box.x[0]) / (this.box.x[1] - this.box.x[0])) * (this.box.right - this.box.left); }
  down(y) { // what is above the scale is drawn at its top
    return Math.max(this.box.top, this.box.bottom - ((y - this.box.y[0]) / (this.box.y[1] - this.box.y[0])) * (this.box.bottom - this.box.top));
  }
  draw(position) {
    this.position = position;
    const x = this.at && this.across(this.at[position[this.control]]);
    if (this.at) for (const end of ["x1", "x2"]) this.cursor.setAttribute(end, x);
    for (const line of this.lines) if (line.source) line.value.write(line.source.at(position).toFixed(3));
    for (const line of this.moving) {
      this.trace(line, position);
      if (line.marker) this.mark(line, position);
    }
  }
  trace(line, position) {
    const drawn = `${line.xs.start(position, ["level"])} ${line.ys.start(position, ["level"])}`;
    if (drawn === line.drawn) return;
    line.drawn = drawn;
    let path = "", pen = "M";
    for (let i = 0; i < line.count; i++) {
      const here = { ...position, level: i }, x = line.xs.at(here), y = line.ys.at(here);
      if (Number.isNaN(x) || Number.isNaN(y)) continue;
      path += `${pen}${this.across(x).toFixed(1)} ${this.down(y).toFixed(1)}`;
      pen = "L";
    }
    line.path.setAttribute("d", path);
  }
  mark(line, position) {
    const here = { ...position, level: position[line.marker] }, x = line.xs.at(here), y = line.ys.at(here);
    const there = !Number.isNaN(x) && !Number.isNaN(y);
    line.dot.setAttribute("visibility", there ? "visible" : "hidden");
    if (there) { line.dot.setAttribute("cx", this.across(x)); line.dot.setAttribute("cy", this.down(y)); }
    line.value.write(there ? y.toFixed(3) : "–");
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
