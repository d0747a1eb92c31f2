// The arrays of a stack, which were sent once, packed by zlib.

import { bytesOf } from "./dom.js";

export async function unpack(packed) {
  const stream = new Blob([bytesOf(packed)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).arrayBuffer();
}

// An array of the stack, and its elements by names of axes.
export class Stored {
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
    return this.values.reduce((maximum, value) => (value > maximum ? value : maximum), 0);
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
}
