// Suggestions drawn over the picture, frame by frame: dashed boxes that hide nothing. {"width", "height", "tracks": [{"id", "kind",
// "first", "boxes": [[x0, y0, x1, y1] | null, ...]}]}, boxes as fractions of the picture as shown.

export class Overlay {
  constructor(canvas, video) {
    this.canvas = canvas;
    this.video = video;
    this.tracks = [];
    this.shown = false;
    this.frame = null;
    new ResizeObserver(() => this.draw(this.frame)).observe(video);
  }

  async load(url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`suggestions: ${answer.status}`);
    ({ tracks: this.tracks } = await answer.json());
  }

  toggle() {
    this.shown = !this.shown;
    this.draw(this.frame);
    return this.shown;
  }

  // The boxes of a frame: pairs of track and box.
  boxesAt(frame) {
    return this.tracks.map((track) => [track, track.boxes[frame - track.first]]).filter(([, box]) => box);
  }

  draw(frame) {
    this.frame = frame;
    const pen = this.#cleared();
    if (!this.shown || frame === null) return;
    const { left, top, width, height } = this.#picture();
    for (const [track, [x0, y0, x1, y1]] of this.boxesAt(frame)) {
      this.#box(pen, track.kind, [left + x0 * width, top + y0 * height, (x1 - x0) * width, (y1 - y0) * height]);
    }
  }

  #cleared() {
    const { canvas } = this;
    const scale = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.round(side * scale));
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const pen = canvas.getContext("2d");
    pen.setTransform(scale, 0, 0, scale, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    return pen;
  }

  // Where the picture lies inside the element, which may leave black bars.
  #picture() {
    const { videoWidth, videoHeight } = this.video;
    const { clientWidth, clientHeight } = this.canvas;
    const scale = Math.min(clientWidth / (videoWidth || 1), clientHeight / (videoHeight || 1));
    const [width, height] = [videoWidth * scale, videoHeight * scale];
    return { left: (clientWidth - width) / 2, top: (clientHeight - height) / 2, width, height };
  }

  #box(pen, kind, [x, y, width, height]) {
    for (const [colour, line, dash] of [["#0b0c0c", 4, []], ["#ffdd00", 2, [6, 3]]]) {
      pen.strokeStyle = colour;
      pen.lineWidth = line;
      pen.setLineDash(dash);
      pen.strokeRect(x, y, width, height);
    }
    pen.font = "bold 13px Arial, sans-serif";
    const words = `${kind}?`;
    pen.fillStyle = "#0b0c0c";
    pen.fillRect(x - 2, y - 20, pen.measureText(words).width + 8, 18);
    pen.fillStyle = "#ffdd00";
    pen.fillText(words, x + 2, y - 7);
  }
}
