// How a teacher follows its students, computed here: `simulate` in ema.py is its twin, and the noise of the
// students' steps comes from there, so that both walk the same paths.

import { Chart } from "./chart.js";
import { Slot, el, range } from "./dom.js";

const loss = ([a, b]) => (a * b - 1) ** 2;
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// The weights of every student and of the teacher at the start and after each step.
export function simulate({ starts, teacherStart, rate, shrink, steps }, noise, { decay, share, same }) {
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
    const mixed = (axis) => students.reduce((sum, weights, k) => sum + share[k] * weights[axis], 0);
    teacher = teacher.map((weight, axis) => alpha * weight + (1 - alpha) * mixed(axis));
    [...students, teacher].forEach((weights, k) => paths[k].push(weights));
  }
  return paths;
}

// A chart whose lines are read from paths that may change, up to an iteration.
class Following extends Chart {
  constructor(spec, lab, read) {
    const moving = lab.nets.map((net, k) => {
      const values = (axis) => ({ k, axis });
      const named = { ...net, label: spec.positions ? net.label : "" };
      return { ...named, x: values("x"), y: values("y"), count: lab.steps + 1, marker: "level" };
    });
    const stored = ({ k, axis }) => ({
      value: ({ level }) => (level > lab.until || level < lab.nets[k].first ? NaN : read(k, level)[axis]),
      indexOf: () => lab.version,
      maximum: () => 99,
    });
    const chart = { ...spec, frames: [spec], by: "", lines: [], moving, control: "level" };
    super(chart, stored, (_, level) => lab.go(level));
  }
}

// The plane of the weights: a place on it is no time, so a click means nothing.
class Walk extends Following {
  listen() {}
}

export class Lab {
  constructor(state, noise) {
    Object.assign(this, state, { noise, version: 0 });
    this.paths = simulate(this, noise, this);
    this.walk = new Walk(state.walk, this, (k, level) => {
      const [x, y] = this.paths[k][level];
      return { x, y };
    });
    const positions = Array.from({ length: this.steps + 1 }, (_, level) => level);
    const losses = { ...state.losses, positions };
    this.losses = new Following(losses, this, (k, x) => ({ x, y: loss(this.paths[k][x]) }));
    this.words = el("p", { "aria-live": "polite" });
    const attributes = { class: "ucmt-stack", role: "group", "aria-label": state.label };
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
      () => String(this.decay),
    );
    if (this.share.length === 2) {
      const part = { min: 0, max: 1, step: 0.01, value: this.share[0] };
      const mix = (first) => this.change({ share: [first, 1 - first] });
      this.slider(bar, "share of student 1", part, mix, () => this.share[0].toFixed(2));
      const same = el("input", { type: "checkbox", ...(this.same ? { checked: "" } : {}) });
      same.addEventListener("change", () => this.change({ same: same.checked }));
      bar.append(el("label", {}, same, " start in the same valley"));
    }
    const time = { min: 1, max: steps, step: 1, value: this.until };
    this.time = this.slider(
      bar,
      "iteration",
      time,
      (until) => this.go(until),
      () => String(this.until),
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
    this.written = [...(this.written ?? []), write];
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
    const last = paths.map((path) =>
      mean(path.slice(Math.max(1, until + 1 - this.window), until + 1).map(loss)),
    );
    const scores = nets.map(({ label }, k) => `${label} ${last[k].toFixed(3)}`);
    const count = Math.min(this.window, until);
    const text =
      `A teacher with decay ${decay} (it remembers ${memory(decay)}) follows ${parts} of ${whom}.` +
      ` Mean loss of the last ${count > 1 ? `${count} steps` : "step"}:` +
      ` ${scores.slice(0, -1).join(", ")} and ${scores.at(-1)}.`;
    return `${text} ${verdict(last, share.length === 2 && !same)}`.trim();
  }
}

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
