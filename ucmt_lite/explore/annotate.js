// A drawing board: a brush on an image, by mouse, finger or keys. The mask goes to the kernel after each stroke.

const el = (tag, attributes = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};
const bytes = (view) => new Uint8Array(view.buffer ?? view, view.byteOffset ?? 0, view.byteLength);
const WHITE = [255, 255, 255];

function render({ model, el: host }) {
  const [height, width] = model.get("size"), scale = Math.max(1, Math.round(560 / Math.max(height, width)));
  const colour = model.get("colour").match(/\w\w/g).map((part) => parseInt(part, 16));
  const classes = model.get("classes");
  const mask = bytes(model.get("drawn")).slice(), past = [];
  let size = Math.max(2, Math.round(width / 20)), label = 1, began = null, spent = model.get("seconds");
  let last = null, cursor = [Math.floor(height / 2), Math.floor(width / 2)];

  const canvas = el("canvas", { tabindex: 0, role: "application", "aria-label": "drawing board: arrow keys move the brush, space draws, u undoes" });
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d"), small = new OffscreenCanvas(width, height), brush = small.getContext("2d");
  const pixels = new Uint8ClampedArray(bytes(model.get("pixels")));
  const button = (text, action, title = "") => {
    const node = el("button", { type: "button", title }, text);
    node.addEventListener("click", action);
    return node;
  };
  const bar = el("div", { class: "ucmt-toggles" });
  const tools = classes.map((name, index) => button(index ? `draw ${name}` : "erase", () => { label = index; draw(); }, `key ${index}`));
  const range = el("input", { type: "range", min: 1, max: Math.round(width / 4), value: size, "aria-label": "size of the brush" });
  range.addEventListener("input", () => { size = Number(range.value); draw(); });
  const clock = el("output", { class: "ucmt-value" });
  bar.append(...tools.slice(1), tools[0], el("label", { class: "ucmt-fade" }, "brush ", range), button("fill inside", fill, "key f"), button("undo", undo, "key u"), button("compare with the expert", compare), clock);
  const told = el("div", { "aria-live": "polite" });
  const root = el("div", { class: "ucmt-annotate", role: "group", "aria-label": "draw a mask" }, bar, canvas, told);
  host.append(root);

  function draw() {
    const expert = bytes(model.get("expert")), image = new ImageData(pixels.slice(), width, height);
    const border = (values, i, value) => {
      const c = i % width, r = Math.floor(i / width);
      return (c > 0 && values[i - 1] !== value) || (c < width - 1 && values[i + 1] !== value) || (r > 0 && values[i - width] !== value) || (r < height - 1 && values[i + width] !== value);
    };
    for (let i = 0; i < mask.length; i++) {
      const tint = expert.length && expert[i] && border(expert, i, expert[i]) ? [WHITE, 1] : mask[i] ? [colour, border(mask, i, mask[i]) ? 1 : 0.2 + 0.2 * mask[i]] : null;
      if (tint) for (let c = 0; c < 3; c++) image.data[4 * i + c] += (tint[0][c] - image.data[4 * i + c]) * tint[1];
    }
    brush.putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    pen.lineWidth = 2;
    for (const [style, shift] of [["#000", 1], ["#fff", 0]]) {
      pen.strokeStyle = style;
      pen.beginPath();
      pen.arc((cursor[1] + 0.5) * scale, (cursor[0] + 0.5) * scale, (size / 2) * scale + shift, 0, 7);
      pen.stroke();
    }
    tools.forEach((node, index) => node.setAttribute("aria-pressed", index === label));
    clock.textContent = `${Math.floor(spent / 60)}:${String(Math.floor(spent % 60)).padStart(2, "0")} min`;
    told.textContent = model.get("told");
  }
  function dab([row, column]) {
    const radius = size / 2;
    for (let r = Math.max(0, Math.ceil(row - radius)); r <= Math.min(height - 1, row + radius); r++) {
      for (let c = Math.max(0, Math.ceil(column - radius)); c <= Math.min(width - 1, column + radius); c++) {
        if ((r - row) ** 2 + (c - column) ** 2 <= radius ** 2) mask[r * width + c] = label;
      }
    }
  }
  function line(from, to) {
    const steps = Math.max(1, Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1])));
    for (let i = 0; i <= steps; i++) dab([from[0] + ((to[0] - from[0]) * i) / steps, from[1] + ((to[1] - from[1]) * i) / steps]);
  }
  function begin() {
    began ??= Date.now() - spent * 1000;
    past.push(mask.slice());
    if (past.length > 50) past.shift();
  }
  function save() {
    spent = began ? (Date.now() - began) / 1000 : spent;
    model.set("seconds", spent);
    model.set("drawn", new DataView(mask.slice().buffer));
    model.save_changes();
    draw();
  }
  // What the border of the mask cannot reach from outside becomes part of it.
  function fill() {
    begin();
    const outside = new Uint8Array(mask.length), edge = [];
    for (let i = 0; i < mask.length; i++) {
      const c = i % width, r = Math.floor(i / width);
      if (!mask[i] && (c === 0 || r === 0 || c === width - 1 || r === height - 1)) { outside[i] = 1; edge.push(i); }
    }
    while (edge.length) {
      const i = edge.pop(), c = i % width;
      for (const j of [c > 0 ? i - 1 : -1, c < width - 1 ? i + 1 : -1, i - width, i + width]) {
        if (j >= 0 && j < mask.length && !mask[j] && !outside[j]) { outside[j] = 1; edge.push(j); }
      }
    }
    for (let i = 0; i < mask.length; i++) if (!mask[i] && !outside[i]) mask[i] = label || 1;
    save();
  }
  function undo() {
    if (past.length) { mask.set(past.pop()); save(); }
  }
  function compare() {
    save();
    began = null; // the clock stands while the expert is looked at
    model.set("asked", true);
    model.save_changes();
  }
  const where = (event) => {
    const place = canvas.getBoundingClientRect();
    return [((event.clientY - place.top) / place.height) * height - 0.5, ((event.clientX - place.left) / place.width) * width - 0.5];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    begin();
    last = cursor = where(event);
    dab(last);
    draw();
  });
  canvas.addEventListener("pointermove", (event) => {
    cursor = where(event);
    if (last) { line(last, cursor); last = cursor; }
    draw();
  });
  const lift = () => { if (last) { last = null; save(); } };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("pointercancel", lift);
  const press = (event) => {
    if (!root.contains(event.target) || event.ctrlKey || event.metaKey || event.altKey || ["Tab", "Escape", "Shift", "Enter"].includes(event.key)) return;
    event.stopPropagation();
    const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (event.target.type === "range") return;
    if (way) cursor = [Math.min(height - 1, Math.max(0, Math.round(cursor[0]) + way[0])), Math.min(width - 1, Math.max(0, Math.round(cursor[1]) + way[1]))];
    else if (event.key === " " && event.target === canvas) { begin(); dab(cursor); save(); }
    else if (event.key === "u") undo();
    else if (event.key === "f") fill();
    else if (Number(event.key) < classes.length && event.key !== " ") label = Number(event.key);
    else return;
    event.preventDefault();
    draw();
  };
  window.addEventListener("keydown", press, true); // before the page sees it: Notebook 7 would delete the cell at d d
  const tick = setInterval(() => { if (began) { spent = (Date.now() - began) / 1000; clock.textContent = `${Math.floor(spent / 60)}:${String(Math.floor(spent % 60)).padStart(2, "0")} min`; } }, 1000);
  const follow = () => draw();
  model.on("change:expert change:told", follow);
  draw();
  return () => { clearInterval(tick); window.removeEventListener("keydown", press, true); model.off("change:expert change:told", follow); };
}

export default { render };
