// Mixes of one 2D image, as `core/mixing.py` makes them: the same cells move. Numbers are rounded to float32
// wherever torch rounds them, so that cells which are equal there are equal here. `cutmix` and `noise` draw
// from a generator of their own, so their cells and noise are others than torch's at the same seed.

// Why a grid or a number of cells does not fit, as a sentence; "" where it does.
export function misfit({ height, width }, grid, topK) {
  for (const side of [height, width]) {
    if (grid < 1 || side % grid) {
      return (
        `A side of ${side} pixels does not split into ${grid} equal cells: choose a grid that divides` +
        ` ${side}.`
      );
    }
  }
  const most = Math.floor(grid ** 2 / 2);
  if (topK >= 0 && topK <= most) return "";
  return `top_k=${topK} does not fit ${grid ** 2} cells: choose 0 to ${most}, half the cells at most.`;
}

// The mean of a map in each cell, cells in row-major order.
export function cellMeans(map, { height, width }, grid) {
  const down = height / grid;
  const across = width / grid;
  const sums = new Float64Array(grid * grid);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y / down) * grid;
    for (let x = 0; x < width; x++, i++) sums[row + Math.floor(x / across)] += map[i];
  }
  return Float32Array.from(sums, (sum) => Math.fround(sum) / (down * across));
}

// The cells of a map from the least to the most certain; equal ones keep their order.
export function rankCells(map, sides, grid) {
  const means = cellMeans(map, sides, grid);
  return [...means.keys()].sort((one, other) => means[other] - means[one]);
}

// The cell that each cell of the mixed image is copied from: top 1 from bottom 2, then top 2 from bottom 1.
export function umixSource(rank1, rank2, topK) {
  const source = Int32Array.from(rank1.keys());
  const bottom = rank1.length - topK;
  for (let i = 0; i < topK; i++) source[rank1[i]] = rank2[bottom + i];
  for (let i = 0; i < topK; i++) source[rank2[i]] = rank1[bottom + i];
  return source;
}

// Nothing moves.
export function identitySource(cells) {
  return Int32Array.from({ length: cells }, (_, cell) => cell);
}

// UMIX on noise instead of maps: cells chosen without looking.
export function cutmixSource(cells, topK, random) {
  const order = () => {
    const noise = Float64Array.from({ length: cells }, random);
    return [...noise.keys()].sort((one, other) => noise[other] - noise[one]);
  };
  return umixSource(order(), order(), topK);
}

// An image whose cell l is cell `source[l]` of the given one; pixels are planes of `height` x `width`.
export function gatherCells(pixels, source, { height, width }, grid) {
  const mixed = pixels.slice();
  const down = height / grid;
  const across = width / grid;
  const startOf = (cell) => Math.floor(cell / grid) * down * width + (cell % grid) * across;
  for (let plane = 0; plane < pixels.length; plane += height * width) {
    source.forEach((from, to) => {
      if (from === to) return;
      for (let y = 0; y < down; y++) {
        const start = plane + startOf(from) + y * width;
        mixed.set(pixels.subarray(start, start + across), plane + startOf(to) + y * width);
      }
    });
  }
  return mixed;
}

// The image plus N(0, 0.1), clipped to 0.2.
export function addNoise(image, random, deviation = 0.1, limit = 0.2) {
  return image.map((value) => {
    const drawn = deviation * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return value + Math.max(-limit, Math.min(limit, drawn));
  });
}

// Uniform numbers from 0 to 1, always the same for a seed (mulberry32, by Tommy Ettinger, public domain).
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let word = Math.imul(state ^ (state >>> 15), state | 1);
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32;
  };
}
