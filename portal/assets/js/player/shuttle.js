// J, K and L: backwards, stop, forwards, each press twice as fast. Browsers cannot play backwards, so going back is shown frame by
// frame, as quickly as each can be reached, in step with the clock.

const FASTEST = 8;

export class Shuttle {
  constructor(video, seeker, currentFrame) {
    this.video = video;
    this.seeker = seeker;
    this.currentFrame = currentFrame;
    this.rate = 1;
    this.back = 0;
  }

  get moving() {
    return this.back > 0 || !this.video.paused;
  }

  // Play forwards at a speed.
  play(rate = this.rate) {
    this.back = 0;
    this.rate = rate;
    this.video.playbackRate = rate;
    return this.video.play();
  }

  stop() {
    this.back = 0;
    this.video.pause();
  }

  // L: forwards, twice as fast when it already goes forwards.
  faster() {
    const forwards = !this.video.paused;
    return this.play(forwards ? Math.min(FASTEST, this.video.playbackRate * 2) : this.rate);
  }

  // J: backwards, twice as fast when it already goes backwards; needs the frame table.
  backwards() {
    this.video.pause();
    const running = this.back > 0;
    this.back = running ? Math.min(FASTEST, this.back * 2) : 1;
    this.#mark();
    if (!running) this.#reverse();
  }

  #mark() {
    this.from = this.seeker.table.timeOf(this.currentFrame());
    this.since = performance.now();
  }

  async #reverse() {
    while (this.back > 0) {
      const { table } = this.seeker;
      const here = this.currentFrame();
      const wanted = table.frameAt(Math.max(0, this.from - ((performance.now() - this.since) / 1000) * this.back));
      if (wanted < here) await this.seeker.toFrame(wanted);
      else await new Promise((resolve) => setTimeout(resolve, 10));
      if (this.back > 0 && this.currentFrame() === 0) this.back = 0;
    }
    this.video.dispatchEvent(new Event("pause"));
  }
}
