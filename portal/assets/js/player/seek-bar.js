// The bar: a real range input that counts frames where there is a frame table, tenths of a second where there is none. A thumbnail
// follows the pointer.
import { timecode } from "./timecode.js";

export class SeekBar {
  constructor(parts, { onSeek }) {
    this.parts = parts;
    this.onSeek = onSeek;
    this.table = null;
    this.duration = 0;
    this.sprite = null;
    this.held = false;
    const { seek, bar } = parts;
    seek.addEventListener("input", () => {
      this.held = true;
      this.#describe();
      onSeek(this.#place());
    });
    seek.addEventListener("change", () => {
      this.held = false;
    });
    bar.addEventListener("pointermove", (event) => this.#preview(event));
    bar.addEventListener("pointerleave", () => {
      parts.thumb.hidden = true;
    });
  }

  scale(table, duration) {
    this.table = table;
    this.duration = table ? table.duration : duration;
    this.parts.seek.max = table ? table.count - 1 : Math.max(1, Math.round(duration * 10));
  }

  // Follow the film, unless a person holds the handle.
  show(seconds, frame) {
    if (this.held) return;
    this.parts.seek.value = this.table ? (frame ?? this.table.frameAt(seconds)) : Math.round(seconds * 10);
    this.#describe();
  }

  #place() {
    const value = Number(this.parts.seek.value);
    return this.table ? { frame: value } : { seconds: value / 10 };
  }

  #describe() {
    const { frame, seconds } = this.#place();
    const words = this.table ? `${timecode(this.table.timeOf(frame))}, frame ${frame}` : timecode(seconds);
    this.parts.seek.setAttribute("aria-valuetext", words);
  }

  #preview(event) {
    const { thumb, tile, "thumb-time": label, bar } = this.parts;
    if (event.pointerType === "touch" || this.duration === 0) return;
    const box = bar.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const seconds = share * this.duration;
    label.textContent = timecode(seconds);
    tile.hidden = !this.sprite?.paint(tile, seconds);
    thumb.hidden = false;
    const half = thumb.offsetWidth / 2;
    thumb.style.left = `${Math.min(box.width - half, Math.max(half, share * box.width))}px`;
  }
}
