// One image before and after a mix, asked of the networks: what `_umix_samples.py` computes, in the browser.

import {
  addNoise,
  cutmixSource,
  gatherCells,
  identitySource,
  misfit,
  rankCells,
  seeded,
  umixSource,
} from "./mixing.js";
import { decided, entropyOfMean, overlap } from "./uncertainty.js";

const STUDENTS = ["student1", "student2"];

export class Samples {
  /**
   * @param {import("./networks.js").Networks} networks
   * @param {{images: ArrayLike<number>, masks: Uint8Array, sides: {height: number, width: number},
   *   channels: number, count: number, seed: number}} cases images are bytes, or numbers from -1 to 1
   */
  constructor(networks, cases) {
    Object.assign(this, cases, {
      networks,
      known: new Map(),
      pixels: cases.sides.height * cases.sides.width,
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
      diceBefore,
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
      diceAfter,
    };
  }
  moved(pixels, source, grid) {
    return gatherCells(pixels, source, this.sides, grid);
  }
}

function sourceOf(mix, ranks, topK, random) {
  const cells = ranks.student1.length;
  if (mix === "umix") return umixSource(ranks.student1, ranks.student2, topK);
  return mix === "cutmix" ? cutmixSource(cells, topK, random) : identitySource(cells);
}

// An image as networks take it: bytes become -1 to 1.
function toInput(stored) {
  if (stored instanceof Float32Array) return stored.slice();
  return Float32Array.from(stored, (byte) => Math.fround(byte / 127.5) - 1);
}

// What networks take, as bytes.
function toBytes(input) {
  return Uint8Array.from(input, (value) => Math.round((Math.max(-1, Math.min(1, value)) + 1) * 127.5));
}

// [cell, source, letter] of every cell that was replaced; a source that is used twice keeps its letter.
export function pairs({ source }, letters) {
  const known = new Map();
  const replaced = [...source.keys()].filter((cell) => source[cell] !== cell);
  return replaced.map((cell) => {
    const from = source[cell];
    if (!known.has(from)) known.set(from, letters[known.size % letters.length]);
    return [cell, from, known.get(from)];
  });
}
