// Outlines of masks as paths of a canvas, fast enough to be made while a slider moves.

// Edges of pixels run with the class on their right. An edge that leaves a corner is one of these bits; its
// number (0 to 3) is the way it goes: across, down, back, up.
const TOP = 1;
const RIGHT = 2;
const BOTTOM = 4;
const LEFT = 8;

// To the right first, then straight on, then to the left: pixels that meet at a corner are two.
const TURNS = [1, 0, 3];

// From a corner to the middle of the edge that leaves it, in pixels.
const HALF_X = [0.5, 0, -0.5, 0];
const HALF_Y = [0, 0.5, 0, -0.5];

// The border of one class as closed lines through the middles of pixel edges (what marching squares gives for
// a mask). `across` and `down` are pixels of the screen to one of the mask.
export function outline(mask, label, { height, width }, across, down) {
  const corners = width + 1; // in a row
  const { leaving, starts } = edgesOf(mask, label, height, width);
  const steps = [1, corners, -1, -corners];
  const path = new Path2D();
  // Every closed line has a top, so all begin at one.
  for (const start of starts) {
    const line = new Line(path, across, down);
    let corner = start;
    let way = 0;
    while (leaving[corner] & (1 << way)) {
      leaving[corner] &= ~(1 << way);
      line.to((corner % corners) + HALF_X[way], Math.floor(corner / corners) + HALF_Y[way]);
      corner += steps[way];
      for (const turn of TURNS) {
        const next = (way + turn) & 3;
        if (leaving[corner] & (1 << next)) {
          way = next;
          break;
        }
      }
    }
    line.close();
  }
  return path;
}

function edgesOf(mask, label, height, width) {
  const corners = width + 1;
  const leaving = new Uint8Array(corners * (height + 1));
  const starts = [];
  for (let r = 0, i = 0; r < height; r++) {
    for (let c = 0; c < width; c++, i++) {
      if (mask[i] !== label) continue;
      const corner = r * corners + c;
      if (r === 0 || mask[i - width] !== label) {
        leaving[corner] |= TOP;
        starts.push(corner);
      }
      if (c === width - 1 || mask[i + 1] !== label) leaving[corner + 1] |= RIGHT;
      if (r === height - 1 || mask[i + width] !== label) leaving[corner + corners + 1] |= BOTTOM;
      if (c === 0 || mask[i - 1] !== label) leaving[corner + corners] |= LEFT;
    }
  }
  return { leaving, starts };
}

// A closed line in the making; points between two others on a straight line are left out.
class Line {
  constructor(path, across, down) {
    Object.assign(this, { path, across, down, begun: false });
  }
  to(x, y) {
    if (!this.begun) this.path.moveTo(x * this.across, y * this.down);
    else {
      const slopeX = x - this.x;
      const slopeY = y - this.y;
      if (slopeX !== this.slopeX || slopeY !== this.slopeY) this.corner();
      this.slopeX = slopeX;
      this.slopeY = slopeY;
    }
    this.begun = true;
    this.x = x;
    this.y = y;
  }
  corner() {
    this.path.lineTo(this.x * this.across, this.y * this.down);
  }
  close() {
    if (!this.begun) return;
    this.corner();
    this.path.closePath();
  }
}

// The classes that a mask shows, without the background.
export function labelsOf(mask) {
  const seen = new Uint8Array(256);
  for (let i = 0; i < mask.length; i++) seen[mask[i]] = 1;
  return [...seen.keys()].filter((label) => label && seen[label]);
}
