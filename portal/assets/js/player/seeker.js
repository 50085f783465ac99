// Goes to a frame and makes sure that it is the one that is shown. Requests that come while one is under way are not queued: only the
// newest counts.

const TRIES = 8;
const PATIENCE = 20000;
const NUDGE = 0.45; // of the frame's own length
const SETTLE = 400;

// The first of some events, or the end of patience: a film that is taken away answers no seek.
function firstOf(target, names) {
  const end = new AbortController();
  return new Promise((resolve) => {
    for (const name of names) target.addEventListener(name, resolve, { signal: end.signal });
    setTimeout(resolve, PATIENCE);
  }).finally(() => end.abort());
}

export class Seeker {
  constructor(video, watch, stream) {
    this.video = video;
    this.watch = watch;
    this.stream = stream;
    this.table = null;
    this.target = null;
    this.running = null;
  }

  // The frame that is being gone to, or null.
  get goal() {
    return this.target;
  }

  // Give up what is being gone to, before another film is loaded.
  forget() {
    this.target = null;
  }

  // Go to a frame; resolves when it, or a newer request's frame, is shown. True when it is exact.
  toFrame(i) {
    this.target = Math.min(Math.max(0, i), this.table.count - 1);
    this.running ??= this.#run().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  // Go to a time, where there is no frame table to be exact with.
  async toSeconds(seconds) {
    await this.#position((this.watch.origin ?? 0) + Math.max(0, seconds));
  }

  async #run() {
    let exact = false;
    while (this.target !== null) {
      const wanted = this.target;
      exact = await this.#reach(wanted);
      if (this.target === wanted) this.target = null;
    }
    return exact;
  }

  // Browsers decide by what they believe a frame's length to be, which with uneven frame times is not its length. So look which frame
  // came, and move the position until it is the right one, outside of the frame's own time if need be.
  async #reach(i) {
    const { table, watch } = this;
    const nudge = Math.max(0.002, table.lengthOf(i) * NUDGE);
    let place = table.inside(i);
    for (let left = TRIES; left > 0; left -= 1) {
      await this.#position(watch.origin + place);
      if (this.target !== i) return false;
      if (table.frameOf(watch.seconds) === i) return true;
      place += watch.seconds < table.timeOf(i) ? nudge : -nudge;
    }
    return false;
  }

  // Set the position and wait until the browser has shown what it found there. The frame's own report may come before or after
  // "seeked", and not at all where the same frame stays; so both are waited for, the second not for long.
  async #position(time) {
    const { video, watch } = this;
    await this.stream.leaveFor(time);
    const before = watch.serial;
    const seeked = firstOf(video, ["seeked", "emptied", "error"]);
    video.currentTime = time;
    await seeked;
    if (watch.serial === before) await watch.next(SETTLE);
  }
}
