// Which part of a frame the canvas shows, and at which size: nothing else needs to be painted.

import { type FrameValues, type ViewableFrame } from "../core/imaging/viewable.ts";
import { pixelWidth, type Placement } from "./rendering.ts";

/** Pixels of a frame, from the upper left. */
export interface Region {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** Values of a frame: the fewer, the further it is zoomed out. */
export type Level = Pick<FrameValues, "width" | "height" | "values" | "colour">;

/** The frame itself, and each time half as wide and high; made as they are needed. */
export class Levels {
  #frame: Level | null = null;
  #levels: Level[] = [];

  /** The smallest of at least the canvas's resolution, and how many of the frame's pixels are one. */
  at(frame: Level, zoom: number): { level: Level; step: number } {
    if (this.#frame !== frame) {
      this.#frame = frame;
      this.#levels = [frame];
    }
    const wanted = Math.max(Math.floor(Math.log2(1 / zoom)), 0);
    let last = this.#levels.at(-1)!;
    while (this.#levels.length <= wanted && last.width >= 2 && last.height >= 2) {
      last = halved(last);
      this.#levels.push(last);
    }
    const index = Math.min(wanted, this.#levels.length - 1);
    return { level: this.#levels[index]!, step: 2 ** index };
  }
}

/** Means of two by two pixels; an odd last row or column is left out. */
export function halved({ width, height, values, colour }: Level): Level {
  const channels = colour ? 3 : 1;
  const [halfWidth, halfHeight] = [width >> 1, height >> 1];
  const length = channels * halfWidth * halfHeight;
  const out = colour ? new Uint8ClampedArray(length) : new Float32Array(length);
  const [right, below] = [channels, channels * width];
  let position = 0;
  for (let y = 0; y < halfHeight; y++) {
    let from = 2 * y * below;
    for (let x = 0; x < halfWidth; x++, from += 2 * right) {
      for (let i = from; i < from + channels; i++) {
        const sum = values[i]! + values[i + right]! + values[i + below]! + values[i + below + right]!;
        out[position++] = sum / 4;
      }
    }
  }
  return { width: halfWidth, height: halfHeight, values: out, colour };
}

/** The part of a level that lies on the canvas, with a pixel around it; null where none does. */
export function visiblePart(
  canvas: { width: number; height: number },
  frame: ViewableFrame,
  { level, step }: { level: Level; step: number },
  at: Placement,
): Region | null {
  const along = (size: number, extent: number, count: number, move: number, zoom: number) => {
    const first = (-size / 2 - move) / zoom + extent / 2; // of the frame's pixels
    const low = Math.max(Math.floor(first / step) - 1, 0);
    const high = Math.min(Math.ceil((first + size / zoom) / step) + 1, count);
    return [low, high - low] as const;
  };
  const zoomX = at.zoom * pixelWidth(frame);
  const [x, width] = along(canvas.width, frame.width, level.width, at.x, zoomX);
  const [y, height] = along(canvas.height, frame.height, level.height, at.y, at.zoom);
  return width > 0 && height > 0 ? { x, y, width, height } : null;
}
