// The UMIX lab without a kernel: `umix_lab.py` is its twin, whose pictures, borders and sentences these are.
// `umix_page.py` says what the page holds.

import { Slot, button, el, range } from "./dom.js";
import { cellMeans } from "./mixing.js";
import { Networks } from "./networks.js";
import { Samples, pairs } from "./sample.js";
import { Stored, unpack } from "./stored.js";
import { Tile, wordsOfImage, wordsOfMap } from "./tiles.js";

const IDLE = 300; // milliseconds without a move after which the next images are looked at

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// A canvas and its networks, or why there are none, in one sentence.
export async function openLab(state, data, host, still) {
  const notice = el("p", { role: "status" }, "The networks are loading; this is what the lab shows first.");
  host.append(notice, still);
  try {
    const buffer = await unpack(data);
    const stored = (name) => new Stored(buffer, state.parts[name]).values;
    const files = Object.fromEntries(state.networks.map((name) => [name, stored(name)]));
    const networks = await Networks.load(stored("module"), stored("wasm"), files);
    const lab = new UmixLab(state, stored, networks);
    await lab.draw();
    host.replaceChildren(lab.root);
    lab.watch();
  } catch (mistake) {
    notice.textContent = `The networks cannot run here, so this is a picture: ${mistake.message}`;
  }
}

class UmixLab {
  constructor(state, stored, networks) {
    Object.assign(this, state, state.position, { table: new Uint32Array(stored("table").slice().buffer) });
    this.coloured = new WeakMap();
    this.samples = new Samples(networks, { ...state, images: stored("images"), masks: stored("masks") });
    this.tiles = Array.from({ length: 8 }, () => new Tile(state.sides, state.strokes));
    this.words = el("p", { "aria-live": "polite" });
    this.key = el("p", { class: "ucmt-key" });
    this.root = el(
      "div",
      { class: "ucmt-stack ucmt-lab", role: "group", "aria-label": state.label },
      this.bar(),
      this.toggles(),
      el("div", { class: "ucmt-tiles" }, ...this.tiles.map((tile) => tile.node)),
      el("div", { class: "ucmt-wide" }, this.words, this.key, el("p", { class: "ucmt-notice" }, this.notice)),
    );
  }
  bar() {
    const { grids } = this;
    const last = (count) => ({ min: 0, max: count - 1, step: 1 });
    this.sliders = {
      image: this.slider("image", { ...last(this.count), value: this.image }, (image) =>
        this.move({ image }),
      ),
      grid: this.slider("grid", { ...last(grids.length), value: grids.indexOf(this.grid) }, (at) => {
        this.move({ grid: grids[at] });
      }),
      topK: this.slider("top_k", { ...last(this.movable() + 1), value: this.topK }, (topK) => {
        this.move({ topK });
      }),
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
    this.draw().catch((mistake) => (this.words.textContent = mistake.message));
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
    if (next === undefined) return;
    this.resting = setTimeout(async () => {
      if (!this.busy) await this.samples.before(next);
      this.lookAhead();
    }, IDLE);
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
    const mixed = wordsOfImage(sample.mixed, pixels);
    const maximum = Math.log(sample.classes);
    const map = (name) => ({
      words: this.colours(sample.uncertainty[name], maximum),
      cells: this.ranked(sample, name),
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
        cells: source,
      },
      { caption: replaced, words: mixed, outlines: { truth: sample.mixedTruth }, cells: moved },
      ...Object.entries(sample.after).map(([name, mask]) => {
        const dice = `Dice ${sample.diceAfter[name].toFixed(2)} with the moved pseudo label`;
        const caption = `${this.titles[name]} on it, ${dice}`;
        return { caption, words: mixed, outlines: { [name]: mask } };
      }),
      {
        caption: "pseudo label, moved alike",
        words: mixed,
        outlines: { teacher: sample.mixedLabel },
        cells: moved,
      },
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
      const nats = (cells) => mean(cells.map((cell) => mean(maps.map((map) => map[cell])))).toFixed(3);
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
    const drawn = "cells drawn at random";
    const sign = (stroke, text) => el("span", { style: `color:${this.strokes[stroke].colour}` }, text);
    return [
      sign("uncertain", "■"),
      ` solid: ${umix ? "the least certain cells" : drawn}, replaced · `,
      sign("certain", "▨"),
      ` dashed: ${umix ? "the most certain cells" : drawn}, copied`,
      " · equal letters: where the content came from",
      umix ? " · numbers: rank" : "",
    ];
  }
}
