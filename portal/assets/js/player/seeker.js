// Goes to a frame and makes sure that it is the one that is shown. Requests that come while one is under way are not queued: only the
// newest counts.

const SHARES = [0, 0.5, 0.75, 0.3, 0.1];
const SETTLE = 400;

export class Seeker {
  constructor(video, watch) {
    this.video = video;
    this.watch = watch;
    this.table = null;
    this.target = null;
    this.running = null;
  }

  // The frame that is being gone to, or null.
  get goal() {
    return this.target;
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

  async #reach(i) {
    for (const share of SHARES) {
      await this.#position(this.watch.origin + this.table.inside(i, share));
      if (this.target !== i) return false;
      if (this.table.frameOf(this.watch.seconds) === i) return true;
    }
    return false;
  }

  // Set the position and wait until the browser has shown what it found there. The frame's own report may come before or after
  // "seeked", and not at all where the same frame stays; so both are waited for, the second not for long.
  async #position(time) {
    const { video, watch } = this;
    const before = watch.serial;
    const seeked = new Promise((resolve) => video.addEventListener("seeked", resolve, { once: true }));
    video.currentTime = time;
    await seeked;
    if (watch.serial === before) await watch.next(SETTLE);
  }
}
