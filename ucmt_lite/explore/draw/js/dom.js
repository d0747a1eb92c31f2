// Elements of a page, and what explorers make of them.

const SVG = "http://www.w3.org/2000/svg";

function withAttributes(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function el(tag, attributes = {}, ...children) {
  const node = withAttributes(document.createElement(tag), attributes);
  node.append(...children);
  return node;
}

export function svgEl(tag, attributes) {
  return withAttributes(document.createElementNS(SVG, tag), attributes);
}

export function button(content, action, title = "") {
  const node = el("button", { type: "button", title }, ...content);
  node.addEventListener("click", action);
  return node;
}

export function range(label, limits, action) {
  const node = el("input", { type: "range", "aria-label": label, ...limits });
  node.addEventListener("input", () => action(Number(node.value)));
  return node;
}

// Text that changes with every move, in a box as wide as its longest: nothing around it is laid out again.
export class Slot {
  constructor(longest) {
    this.node = el("span", { class: "ucmt-slot", style: `width:${longest}ch` });
    this.text = "";
  }
  write(text) {
    if (text === this.text) return;
    this.text = text;
    this.node.textContent = text;
  }
}

// The bytes of a trait, which are a DataView in one front end and an ArrayBuffer in another.
export function bytesOf(value) {
  return new Uint8Array(value.buffer ?? value, value.byteOffset ?? 0, value.byteLength);
}

// Where a pointer is on an element, down and across, as shares of its height and width.
export function shareOf(event, element) {
  const box = element.getBoundingClientRect();
  return [(event.clientY - box.top) / box.height, (event.clientX - box.left) / box.width];
}

// Calls `act(event)` for keys that are meant for `root`, before the page sees them: arrow keys would move the
// notebook, and Notebook 7 would delete the cell at d d. Returns what undoes it.
export function listenToKeys(root, act) {
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

const SAMPLE = { width: 26, height: 12 };

// A little sample of a layer or line: its colour and its stroke, so that colour is never the only sign.
export function swatch(layer) {
  const { width, height } = SAMPLE;
  const sample = svgEl("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  if (layer.kind === "map") sample.append(...scaleOf(layer.colour));
  else if (layer.kind === "differ" || layer.kind === "above") sample.append(...surfaceOf(layer));
  else sample.append(...strokeOf(layer));
  return sample;
}

function scaleOf(colours) {
  const width = SAMPLE.width / colours.length;
  return colours.map((fill, i) =>
    svgEl("rect", { x: i * width, y: 1, width: width + 0.5, height: 10, fill }),
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

function strokeOf({ kind, colour, dash, halo }) {
  const line = { x1: 0, x2: SAMPLE.width, y1: 6, y2: 6 };
  const dashes = Array.isArray(dash) ? dash.map((part) => part * 2.4).join(" ") : dash;
  const stroke = svgEl("line", { ...line, stroke: colour, "stroke-width": 3, "stroke-dasharray": dashes });
  if (kind !== "outline") return [stroke];
  return [svgEl("line", { ...line, stroke: halo, "stroke-width": 6 }), stroke];
}
