// Thumbnails: WebVTT cues that name a part of a picture (sheet.jpg#xywh=left,top,width,height), the picture relative to the list.

const CUE = /([\d:.]+)\s+-->\s+([\d:.]+)[^\n]*\n([^\n#]+)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)/g;

function seconds(text) {
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}

export class Sprite {
  constructor(text, base) {
    this.tiles = [...text.replaceAll("\r", "").matchAll(CUE)].map(([, from, , sheet, x, y, width, height]) => ({
      from: seconds(from),
      sheet: new URL(sheet.trim(), base).href,
      x: Number(x),
      y: Number(y),
      width: Number(width),
      height: Number(height),
    }));
  }

  static async load(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`thumbnails: ${answer.status}`);
    return new Sprite(await answer.text(), new URL(url, location.href));
  }

  // Show the picture of a time in an element; false where there is none.
  paint(element, at) {
    const tile = this.tiles.findLast?.(({ from }) => from <= at) ?? this.tiles.filter(({ from }) => from <= at).pop();
    if (!tile) return false;
    element.style.width = `${tile.width}px`;
    element.style.height = `${tile.height}px`;
    element.style.backgroundImage = `url("${tile.sheet}")`;
    element.style.backgroundPosition = `-${tile.x}px -${tile.y}px`;
    return true;
  }
}
