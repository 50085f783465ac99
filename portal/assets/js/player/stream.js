// Brings a playlist into the video element: hls.js wherever Media Source Extensions exist, the browser's own player only where they
// do not (Chromium's own loses frames when seeking).
import Hls from "hls.js/light";
import { FINAL, UNPLAYABLE, wordsForStatus } from "./failure.js";

const SETTINGS = {
  autoStartLoad: true,
  startPosition: 0,
  enableWorker: false, // the pieces are fragmented MP4 already: nothing to convert, and no worker to allow
  maxBufferLength: 30,
  backBufferLength: 60,
  maxBufferHole: 0.1,
  maxFragLookUpTolerance: 0.002, // the last frame of a piece is looked for in that piece, not in the next
};

const FLUSHED_WITHIN = 1000;

export class Stream {
  constructor(video, { onProblem, onRecovered }) {
    this.video = video;
    this.onProblem = onProblem;
    this.onRecovered = onRecovered;
    this.hls = null;
    video.addEventListener("error", () => {
      if (!this.hls && video.error) onProblem(UNPLAYABLE, true);
    });
  }

  // Load a playlist and resolve when the first picture can be shown; rejects with words.
  load(url) {
    this.close();
    return new Promise((resolve, reject) => {
      this.video.addEventListener("loadeddata", () => resolve(), { once: true });
      this.fail = reject;
      if (Hls.isSupported()) this.#attach(url);
      else if (this.video.canPlayType("application/vnd.apple.mpegurl")) this.video.src = url;
      else reject(new Error("This browser cannot play film from the web. Use a current Chrome, Edge, Firefox or Safari."));
    });
  }

  // Whether the playlist says that there is no sound; false where it does not say.
  get silent() {
    const level = this.hls?.levels[0];
    return Boolean(level?.videoCodec) && !level.audioCodec;
  }

  // Whether a position lies in what is loaded around the one that is shown.
  holds(time) {
    const { buffered, currentTime } = this.video;
    for (let i = 0; i < buffered.length; i += 1) {
      const [start, end] = [buffered.start(i), buffered.end(i)];
      if (start <= currentTime + 0.1 && currentTime <= end + 0.1) return start <= time + 0.0005 && time < end;
    }
    return false;
  }

  // Make ready to go to a position that is not loaded: empty the buffer first. Browsers join two loaded stretches over a gap that is not
  // much longer than the longest frame in them, and then neither load nor show the frames in between; so there is only ever one stretch.
  async leaveFor(time) {
    const { hls } = this;
    if (!hls || this.holds(time)) return;
    hls.stopLoad();
    await new Promise((resolve) => {
      hls.once(Hls.Events.BUFFER_FLUSHED, resolve);
      setTimeout(resolve, FLUSHED_WITHIN);
      hls.trigger(Hls.Events.BUFFER_FLUSHING, { startOffset: 0, endOffset: Infinity, type: null });
    });
    if (this.hls === hls) hls.startLoad(time, true);
  }

  close() {
    this.hls?.destroy();
    this.hls = null;
    this.recovered = false;
  }

  #attach(url) {
    const hls = new Hls(SETTINGS);
    this.hls = hls;
    hls.on(Hls.Events.ERROR, (_event, data) => this.#error(hls, data));
    hls.on(Hls.Events.FRAG_BUFFERED, () => this.onRecovered());
    hls.loadSource(url);
    hls.attachMedia(this.video);
  }

  #error(hls, { fatal, type, details, response }) {
    const status = response?.code;
    if (type === Hls.ErrorTypes.NETWORK_ERROR && (FINAL.has(status) || fatal)) {
      hls.stopLoad();
      this.video.pause();
      return this.#give(wordsForStatus(status));
    }
    if (type === Hls.ErrorTypes.NETWORK_ERROR) return this.onProblem(wordsForStatus(status), false);
    if (!fatal) return undefined;
    if (details === Hls.ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR || details === Hls.ErrorDetails.BUFFER_ADD_CODEC_ERROR) {
      return this.#give(UNPLAYABLE);
    }
    if (type === Hls.ErrorTypes.MEDIA_ERROR && !this.recovered) {
      this.recovered = true;
      return hls.recoverMediaError();
    }
    return this.#give("A part of this film cannot be decoded here. Try the other copy under “Showing”, or go to a place behind it.");
  }

  #give(words) {
    this.fail?.(new Error(words));
    this.onProblem(words, true);
  }
}
