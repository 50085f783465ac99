// What is shown, in figures: time, frame number, time of day. The figures belong to the frame on the screen.
import { timecode, timeOfDay } from "./timecode.js";

export class Readout {
  constructor(parts, startedAt) {
    this.parts = parts;
    this.startedAt = startedAt;
  }

  total(seconds) {
    this.parts.total.textContent = timecode(seconds);
  }

  // frame is null where it is not known; count is null while there is no frame table.
  show(seconds, frame, count) {
    const { time, frame: label, wall } = this.parts;
    time.textContent = timecode(seconds);
    label.textContent = this.#frameWords(frame, count);
    if (frame === null) delete label.dataset.frame;
    else label.dataset.frame = String(frame);
    if (this.startedAt) wall.textContent = timeOfDay(this.startedAt, seconds);
  }

  // For screen readers, where a person has gone to a frame; not while the film runs.
  announce(seconds, frame) {
    this.parts.announce.textContent = frame === null ? timecode(seconds) : `Frame ${frame}, ${timecode(seconds)}`;
  }

  #frameWords(frame, count) {
    if (count === null) return "Time only, until the frame table is there";
    if (frame === null) return `Between frames, of ${count}`;
    return `Frame ${frame} of ${count}`;
  }
}
