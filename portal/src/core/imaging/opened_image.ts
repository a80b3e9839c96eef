// A file opened once: its frames for the viewer, and its pixels for a model.

import { inputError } from "../errors.ts";
import {
  brightnessOf,
  type LoadedImage,
  type SampleArray,
  type StoredPlanes,
  type ValueScale,
} from "./image.ts";
import { type ImageSummary, type ViewableFrame } from "./viewable.ts";

export interface OpenedImage {
  readonly summary: ImageSummary;
  /** About how much memory it takes while it is open. */
  readonly heldBytes: number;
  frame(index: number): Promise<ViewableFrame>;
  /** The pixels of a frame on the scale that a model wants, exactly as the Python client has them. */
  pixels(index: number, valueScale: ValueScale): Promise<LoadedImage>;
}

/** A picture that has brightness only: PNG or JPEG. */
export function openedPicture(format: string, planes: StoredPlanes): OpenedImage {
  const { height, width, channels, largest } = planes;
  const colour = channels.length === 3;
  const summary: ImageSummary = {
    format,
    detail: format,
    rows: height,
    columns: width,
    frameCount: 1,
    defaultFrame: 0,
    modality: "",
  };
  return {
    summary,
    heldBytes: channels.reduce((sum, plane) => sum + plane.byteLength, 0),
    frame: async () => ({
      height,
      width,
      values: colour ? interleaved(channels, largest) : levels(channels[0]!, largest),
      colour,
      inverted: false,
      voi: { kind: "range", low: 0, high: 255 },
      smallest: 0,
      largest: 255,
      unit: "grey",
      marks: null,
      laterality: "",
      spacingMm: null,
    }),
    pixels: async (_, valueScale) => {
      if (valueScale !== "display") throw inputError("no-physical-values");
      return { ...brightnessOf(planes), valueScale };
    },
  };
}

/** Greys from 0 to 255, with what is between them in a file of 16 bits. */
function levels(plane: SampleArray, largest: number): Float32Array {
  const out = new Float32Array(plane.length);
  for (let i = 0; i < out.length; i++) out[i] = (255 * plane[i]!) / largest;
  return out;
}

/** Red, green and blue from 0 to 255, a pixel after another. */
function interleaved(channels: readonly SampleArray[], largest: number): Uint8ClampedArray {
  const out = new Uint8ClampedArray(3 * channels[0]!.length);
  channels.forEach((plane, channel) => {
    for (let i = 0; i < plane.length; i++) out[3 * i + channel] = (255 * plane[i]!) / largest;
  });
  return out;
}
