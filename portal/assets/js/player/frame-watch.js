// Watches which frame is really on the screen. The browser tells the media time of each frame that it presents; nothing is ever worked
// out from the playback position, which runs ahead of the picture or behind it.

const PATIENCE = 3000;

export class FrameWatch {
  constructor(video) {
    this.video = video;
    this.exact = "requestVideoFrameCallback" in HTMLVideoElement.prototype;
    this.listeners = new Set();
    this.reset();
    video.addEventListener("emptied", () => this.reset());
    if (this.exact) this.#listen();
    else for (const event of ["timeupdate", "seeked"]) video.addEventListener(event, () => this.#tell(video.currentTime, false));
  }

  // Forget what was seen, before another film is loaded into the element.
  reset() {
    this.origin = null;
    this.stamp = null;
    this.serial = 0;
  }

  // Seconds from frame 0 of what is shown now, null before anything was shown.
  get seconds() {
    return this.stamp === null ? null : this.stamp - (this.origin ?? 0);
  }

  // Call back with every frame shown; returns a function that ends it.
  onFrame(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // Resolve at the next frame shown, or after so many milliseconds at the latest.
  next(limit) {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        stop();
        resolve();
      };
      const stop = this.onFrame(done);
      const timer = setTimeout(done, limit);
    });
  }

  // The media time of frame 0, measured on the first frame shown after loading: it differs by film and by browser.
  async measureOrigin() {
    const { video } = this;
    if (this.stamp === null) await this.next(PATIENCE);
    if (this.stamp === null) this.stamp = video.buffered.length > 0 ? video.buffered.start(0) : 0;
    this.origin = this.stamp;
    this.#tell(this.stamp, this.exact);
  }

  #listen() {
    const seen = (_now, { mediaTime }) => {
      this.#tell(mediaTime, true);
      this.video.requestVideoFrameCallback(seen);
    };
    this.video.requestVideoFrameCallback(seen);
  }

  #tell(stamp, exact) {
    this.stamp = stamp;
    this.serial += 1;
    for (const listener of [...this.listeners]) listener(this.seconds, exact);
  }
}
