// What is computed of the probabilities of networks, planes of classes over `pixels` pixels: as in
// `core/uncertainty.py` and `draw/picture.py`, rounded to float32 where torch rounds.

const SMALL = Math.fround(1e-6);

// Entropy of the mean of two networks' probabilities, in nats, for each pixel.
export function entropyOfMean(one, other, pixels) {
  const entropy = new Float32Array(pixels);
  for (let i = 0; i < one.length; i++) {
    const mean = Math.fround(one[i] + other[i]) / 2;
    const term = Math.fround(mean * Math.fround(Math.log(Math.fround(mean + SMALL))));
    entropy[i % pixels] -= term;
  }
  return entropy;
}

// The most probable class of each pixel, the first of equals.
export function decided(probabilities, pixels) {
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

// The mean Dice of the foreground classes; one that is absent from both masks counts as 1.
export function overlap(mask, truth, atLeast) {
  const sizes = new Uint32Array(256);
  const both = new Uint32Array(256);
  for (let i = 0; i < mask.length; i++) {
    sizes[mask[i]]++;
    sizes[truth[i]]++;
    if (mask[i] === truth[i]) both[mask[i]]++;
  }
  const classes = Math.max(atLeast, 1 + sizes.findLastIndex((size) => size > 0));
  let sum = 0;
  for (let label = 1; label < classes; label++) sum += sizes[label] ? (2 * both[label]) / sizes[label] : 1;
  return sum / (classes - 1);
}
