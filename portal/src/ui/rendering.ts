// Values to 256 greys by a window, and where an image lies on the canvas.

import { STEPS, type Heatmap } from "../core/model/heatmap.ts";
import { type Voi, type ViewableFrame } from "../core/imaging/viewable.ts";
import { type Level, type Region } from "./visible_part.ts";

/** What the person has chosen for the greys: a window in the frame's own units, and inversion. */
export interface Greys {
  center: number;
  width: number;
  function: "LINEAR" | "LINEAR_EXACT" | "SIGMOID";
  /** The file's own table, as long as the person changes nothing. */
  table: { first: number; entries: Float32Array } | null;
  inverted: boolean;
}

/** Where the image is: canvas pixels an image pixel, and the image's centre from the canvas's. */
export interface Placement {
  zoom: number;
  x: number;
  y: number;
}

export function greysOfFile(frame: ViewableFrame): Greys {
  const { voi, inverted } = frame;
  if (voi.kind === "window") {
    const { center, width } = voi;
    return { center, width, function: voi.function, table: null, inverted };
  }
  const { low, high } = voi.kind === "range" ? voi : rangeOfTable(voi);
  return {
    center: (low + high) / 2,
    width: Math.max(high - low, 1e-9),
    function: "LINEAR_EXACT",
    table: voi.kind === "table" ? voi : null,
    inverted,
  };
}

function rangeOfTable(voi: Extract<Voi, { kind: "table" }>): { low: number; high: number } {
  return { low: voi.first, high: voi.first + voi.entries.length };
}

/** Paints a frame, or a part of it, into the upper left of an image. */
export function paint(
  frame: Level,
  greys: Greys,
  out: Pick<ImageData, "data" | "width">,
  part: Region = { x: 0, y: 0, width: frame.width, height: frame.height },
): void {
  const pixels = new Uint32Array(out.data.buffer);
  const painter = painterOf(frame, greys, pixels);
  for (let row = 0; row < part.height; row++) {
    painter((part.y + row) * frame.width + part.x, row * out.width, part.width);
  }
}

/** Paints `count` pixels of a frame, from one of its pixels on, to one of the image's on. */
type Painter = (from: number, to: number, count: number) => void;

function painterOf({ values, colour }: Level, greys: Greys, pixels: Uint32Array): Painter {
  const flip = greys.inverted ? 255 : 0;
  if (colour) {
    return (from, to, count) => {
      for (let i = 0; i < count; i++) {
        const at = 3 * (from + i);
        const red = (values[at]! ^ flip) & 255;
        const green = (values[at + 1]! ^ flip) & 255;
        const blue = (values[at + 2]! ^ flip) & 255;
        pixels[to + i] = (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
      }
    };
  }
  const grey = (level: number): number => {
    const clipped = Math.round(Math.min(Math.max(level, 0), 1) * 255) ^ flip;
    return (0xff000000 | (clipped << 16) | (clipped << 8) | clipped) >>> 0;
  };
  const { table, center, width } = greys;
  if (table !== null) {
    const last = table.entries.length - 1;
    return (from, to, count) => {
      for (let i = 0; i < count; i++) {
        const position = Math.min(Math.max(Math.round(values[from + i]!) - table.first, 0), last);
        pixels[to + i] = grey(table.entries[position]!);
      }
    };
  }
  // a table over the window is quicker than a function for every pixel
  const steps = 4096;
  const spread = greys.function === "SIGMOID" ? 4 : 1;
  const low = center - (width * spread) / 2;
  const scale = steps / (width * spread);
  const ramp = Uint32Array.from({ length: steps + 1 }, (_, i) => {
    const value = low + i / scale;
    if (greys.function === "SIGMOID") return grey(1 / (1 + Math.exp((-4 * (value - center)) / width)));
    if (greys.function === "LINEAR" && width > 1) {
      return grey((value - (center - 0.5)) / (width - 1) + 0.5);
    }
    return grey((value - center) / width + 0.5);
  });
  return (from, to, count) => {
    for (let i = 0; i < count; i++) {
      const position = Math.round((values[from + i]! - low) * scale);
      pixels[to + i] = ramp[position < 0 ? 0 : position > steps ? steps : position]!;
    }
  };
}

/** How wide a pixel is shown: as wide as it is high, unless the file says otherwise. */
export function pixelWidth(frame: ViewableFrame): number {
  const [row, column] = frame.spacingMm ?? [1, 1];
  const ratio = column / row;
  return ratio > 0.1 && ratio < 10 ? ratio : 1;
}

export function fitZoom(frame: ViewableFrame, width: number, height: number): number {
  return Math.min(width / (frame.width * pixelWidth(frame)), height / frame.height);
}

// Okabe and Ito's vermilion and blue: told apart with any kind of colour blindness
const FOR = [213, 94, 0] as const;
const AGAINST = [0, 114, 178] as const;
const MOST_OPACITY = 0.62;

/** A heatmap over the part of the image that the model saw. */
export interface Overlay {
  picture: OffscreenCanvas;
  seesSquareOnly: boolean;
}

/** The stronger the evidence, the less see-through: one pixel an element of the map. */
export function overlayOf(heatmap: Heatmap, seesSquareOnly: boolean): Overlay {
  const { height, width, levels } = heatmap;
  const data = new ImageData(width, height);
  levels.forEach((level, i) => {
    const opacity = (MOST_OPACITY * Math.abs(level)) / STEPS;
    data.data.set([...(level >= 0 ? FOR : AGAINST), Math.round(255 * opacity)], 4 * i);
  });
  const picture = new OffscreenCanvas(width, height);
  picture.getContext("2d")!.putImageData(data, 0, 0);
  return { picture, seesSquareOnly };
}

/** A painted part of a frame, in the upper left of an image, `step` of the frame's pixels in one. */
export interface Painted {
  image: CanvasImageSource;
  part: Region;
  step: number;
}

/** Draws a painted frame on the canvas, and a heatmap over it; without a frame, black. */
export function draw(
  canvas: HTMLCanvasElement,
  scene: {
    painted: Painted | null;
    frame: ViewableFrame;
    at: Placement;
    overlay: Overlay | null;
  } | null,
): void {
  const context = canvas.getContext("2d")!;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (scene === null) return;
  const { painted, frame, at, overlay } = scene;
  context.translate(canvas.width / 2 + at.x, canvas.height / 2 + at.y);
  context.scale(at.zoom * pixelWidth(frame), at.zoom);
  // single pixels of a small image stay visible as what they are
  context.imageSmoothingEnabled = at.zoom < 4;
  context.imageSmoothingQuality = "high";
  if (painted !== null) {
    const { image, step } = painted;
    const { x, y, width, height } = painted.part;
    const [left, top] = [step * x - frame.width / 2, step * y - frame.height / 2];
    context.drawImage(image, 0, 0, width, height, left, top, step * width, step * height);
  }
  if (overlay === null) return;
  const side = Math.min(frame.width, frame.height);
  const [width, height] = overlay.seesSquareOnly ? [side, side] : [frame.width, frame.height];
  context.imageSmoothingEnabled = true; // between the middles of the map's elements
  context.drawImage(overlay.picture, -width / 2, -height / 2, width, height);
}
