// The time stamp of every frame, as the workshop wrote it: {"timescale": ticks a second, "pts": [first, difference, difference, ...],
// "last": ticks that the last frame is shown}, in order of presentation. It answers two questions: which frame is shown at a time, and
// where in the film is a frame.

export class FrameTable {
  constructor({ timescale, pts, last }) {
    this.times = new Float64Array(pts.length);
    let ticks = 0;
    for (let i = 1; i < pts.length; i += 1) {
      ticks += pts[i];
      this.times[i] = ticks / timescale;
    }
    this.count = pts.length;
    this.duration = (ticks + (last || 0)) / timescale;
  }

  static async load(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`frame table: ${answer.status}`);
    return new FrameTable(await answer.json());
  }

  // Seconds from frame 0 to frame i.
  timeOf(i) {
    return this.times[i];
  }

  // Seconds that frame i stays on the screen.
  lengthOf(i) {
    return (i + 1 < this.count ? this.times[i + 1] : this.duration) - this.times[i];
  }

  // The last frame that begins at or before a time, for going to a time that a person gave.
  frameAt(seconds) {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.times[middle] <= seconds + 1e-6) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  // The frame whose own time stamp this is, or null: a stamp that belongs to no frame is never rounded to one.
  frameOf(stamp) {
    const before = this.frameAt(stamp);
    const after = Math.min(before + 1, this.count - 1);
    const nearest = stamp - this.times[before] <= this.times[after] - stamp ? before : after;
    const distance = Math.abs(stamp - this.times[nearest]);
    const gap = Math.max(0.002, Math.min(this.lengthOf(nearest), nearest > 0 ? this.lengthOf(nearest - 1) : Infinity));
    return distance <= Math.min(0.5 * gap, 0.01) || before === after ? nearest : null;
  }

  // Where to put the film's position so that frame i is shown: eight thousandths in, or half way into a shorter frame.
  inside(i, share = 0) {
    const length = Math.max(this.lengthOf(i), 0.001);
    return this.times[i] + (share === 0 ? Math.min(0.008, length / 2) : length * share);
  }
}
