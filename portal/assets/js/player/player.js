// The player: puts its parts together. A viewing is asked for first; its answer brings playlist, frame table and the rest; from then on
// the frame on the screen drives every figure, box and handle.
import { wire } from "./controls.js";
import { FrameTable } from "./frame-table.js";
import { FrameWatch } from "./frame-watch.js";
import { Overlay } from "./overlay.js";
import { Readout } from "./readout.js";
import { SeekBar } from "./seek-bar.js";
import { Seeker } from "./seeker.js";
import { Shuttle } from "./shuttle.js";
import { Sprite } from "./sprite.js";
import { Stream } from "./stream.js";
import { Viewing } from "./viewing.js";

const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 4, 8];
const GUESS = 0.04; // one step, in seconds, while no frame table is there

function partsOf(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-player]")].map((part) => [part.dataset.player, part]));
}

export class Player {
  constructor(root) {
    this.root = root;
    this.parts = partsOf(root);
    const { video } = this.parts;
    this.video = video;
    this.watch = new FrameWatch(video);
    this.stream = new Stream(video, { onProblem: (words) => this.sayOfStream(words), onRecovered: () => this.clearProblem() });
    this.seeker = new Seeker(video, this.watch, this.stream);
    this.shuttle = new Shuttle(video, this.seeker, () => this.frame ?? 0);
    this.overlay = new Overlay(this.parts.overlay, video);
    this.bar = new SeekBar(this.parts, { onSeek: (place) => this.goTo(place) });
    this.readout = new Readout(this.parts, root.dataset.startedAt ? new Date(root.dataset.startedAt) : null);
    this.viewing = new Viewing(root.dataset.begin, root.dataset.formToken);
    this.frame = null;
    this.table = null;
    this.rendition = null;
    this.ready = false;
  }

  // Offer the film, or fetch it at once where the page says so.
  start() {
    const { begin, stage, panel } = this.parts;
    stage.style.aspectRatio = `${this.root.dataset.width} / ${this.root.dataset.height}`;
    panel.hidden = false;
    begin.hidden = false;
    wire(this);
    this.watch.onFrame((seconds, exact) => this.#shown(seconds, exact));
    if (this.root.dataset.beginWhen === "load") this.open();
  }

  // Ask for a viewing and show the first frame. With a rendition: that copy, at the frame that is shown now.
  async open(rendition = "") {
    this.opening ??= this.#open(rendition).finally(() => {
      this.opening = null;
    });
    return this.opening;
  }

  async #open(rendition) {
    const place = this.ready ? { frame: this.frame, seconds: this.watch.seconds, moving: !this.video.paused } : null;
    this.say("Fetching the film …");
    try {
      const facts = await this.viewing.begin(rendition);
      this.viewing.follow((later) => this.#later(later), (refusal) => this.say(refusal.message, true));
      this.#offerCopies(facts);
      if (facts.poster) this.video.poster = facts.poster;
      if (facts.playback) await this.#show(facts.playback, place);
      this.#enrich(facts);
      this.say(facts.note || (facts.playback ? "" : "A copy that this browser can play is being made. It starts here when it is ready."));
    } catch (refusal) {
      this.say(refusal.message, true);
      this.parts.copy.value = this.rendition ?? "original";
    }
  }

  async #show(playback, place) {
    this.ready = false;
    this.stream.close();
    this.seeker.forget();
    this.watch.reset();
    this.#useTable(null);
    this.frames = null;
    this.rendition = playback.rendition;
    this.parts.copy.value = playback.rendition;
    const table = this.#loadTable(playback.frames ?? this.viewing.facts.frames);
    await this.stream.load(playback.source);
    await this.watch.measureOrigin();
    await table;
    this.ready = true;
    this.#offerSound();
    this.root.dataset.ready = this.rendition;
    if (place?.frame) await this.goTo({ frame: place.frame });
    else if (place?.seconds) await this.goTo({ seconds: place.seconds });
    if (place?.moving) await this.shuttle.play();
  }

  async #loadTable(url) {
    if (!url || this.frames === url) return;
    this.frames = url;
    try {
      this.#useTable(await FrameTable.load(url));
    } catch {
      this.frames = null; // asked for again with the next status
    }
  }

  #useTable(table) {
    this.table = table;
    this.seeker.table = table;
    this.bar.scale(table, this.duration);
    if (table) this.readout.total(table.duration);
    if (this.watch.seconds !== null) this.#shown(this.watch.seconds, this.watch.exact);
  }

  get duration() {
    if (this.table) return this.table.duration;
    return Number.isFinite(this.video.duration) ? this.video.duration : Number(this.root.dataset.durationMs ?? 0) / 1000;
  }

  // What came into being while the film is already watched.
  #later(facts) {
    this.#offerCopies(facts);
    if (!this.ready && facts.playback && facts.playback.rendition !== this.rendition) {
      this.open();
      return;
    }
    this.#loadTable(facts.playback?.rendition === this.rendition ? facts.playback?.frames : facts.frames);
    this.#enrich(facts);
    if (facts.note !== undefined && !this.troubled) this.say(facts.note);
  }

  #offerCopies({ playback }) {
    const option = this.parts.copy.querySelector('[value="proxy"]');
    if (playback?.rendition === "proxy" && option.disabled) {
      option.disabled = false;
      if (this.ready) this.say("The playback copy is ready. Choose it under “Showing” if the original does not play smoothly.");
    }
  }

  async #enrich({ suggestions, sprite }) {
    if (sprite && !this.bar.sprite) this.bar.sprite = await Sprite.load(sprite).catch(() => null);
    if (!suggestions || !this.parts.marks.hidden) return;
    await this.overlay.load(suggestions).then(
      () => {
        this.parts.marks.hidden = false;
      },
      () => {},
    );
  }

  // --- what is shown -------------------------------------------------------------------------------------------------------------

  #shown(seconds, exact) {
    this.frame = this.table && exact ? this.table.frameOf(seconds) : null;
    const time = this.frame === null ? seconds : this.table.timeOf(this.frame);
    this.readout.show(time, this.frame, this.table?.count ?? null);
    this.bar.show(time, this.frame);
    this.overlay.draw(this.frame);
  }

  say(words, trouble = false) {
    this.ofStream = false;
    this.troubled = trouble && Boolean(words);
    this.parts.message.textContent = words;
    this.parts.message.classList.toggle("dl-player__message--trouble", this.troubled);
  }

  /** A trouble that ends when the film goes on; what somebody typed wrongly stays until they type again. */
  sayOfStream(words) {
    this.say(words, true);
    this.ofStream = true;
  }

  clearProblem() {
    if (this.ofStream) this.say("");
  }

  // --- what a person does --------------------------------------------------------------------------------------------------------

  async goTo({ frame, seconds }) {
    if (!this.ready) return;
    this.shuttle.back = 0;
    this.#withdrawOffer();
    if (!this.table) await this.seeker.toSeconds(seconds ?? frame * GUESS);
    else await this.seeker.toFrame(frame ?? this.table.frameAt(seconds));
  }

  async step(by) {
    if (!this.ready) return;
    this.shuttle.stop();
    this.#withdrawOffer();
    const from = this.seeker.goal ?? this.frame;
    if (this.table && from !== null) await this.seeker.toFrame(from + by);
    else await this.seeker.toSeconds(this.watch.seconds + by * GUESS);
    this.readout.announce(this.watch.seconds, this.frame);
  }

  async toggle() {
    if (!this.ready) await this.open();
    if (!this.ready) return;
    if (this.shuttle.moving) this.shuttle.stop();
    else await this.attempt(() => this.shuttle.play());
  }

  async attempt(how) {
    try {
      await how();
    } catch (refusal) {
      if (refusal.name !== "AbortError") this.say("The browser did not let the film start. Press “Play” once more.", true);
    }
  }

  speed(rate) {
    this.parts.speed.value = String(rate);
    this.shuttle.rate = rate;
    this.video.defaultPlaybackRate = rate;
    this.video.playbackRate = rate;
  }

  changeSpeed(by) {
    const here = SPEEDS.findIndex((rate) => rate >= this.shuttle.rate);
    this.speed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, here + by))]);
  }

  sound(on = this.video.muted) {
    if (this.parts.sound.disabled) return;
    this.video.muted = !on;
    this.parts.sound.setAttribute("aria-pressed", String(on));
    this.parts["sound-label"].textContent = on ? "Sound is on" : "Sound is off";
  }

  #offerSound() {
    const { sound, volume } = this.parts;
    sound.disabled = this.stream.silent;
    volume.disabled = this.stream.silent;
    if (this.stream.silent) this.parts["sound-label"].textContent = "No sound";
    else this.sound(!this.video.muted);
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.root.requestFullscreen?.();
  }

  // Tell the buttons that the film runs, or stands.
  running(moving) {
    this.parts["play-label"].textContent = moving ? "Pause" : "Play";
    this.parts.play.classList.toggle("dl-button--pause", moving);
    if (moving) this.#withdrawOffer();
  }

  // The large button over the picture goes once somebody has begun to look.
  #withdrawOffer() {
    this.parts.begin.hidden = true;
  }
}
