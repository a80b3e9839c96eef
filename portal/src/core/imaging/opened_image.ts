// A file opened once: its frames for the viewer, and its pixels for a model.

import { inputError } from "../errors.ts";
import { type LoadedImage, type Planes, type ValueScale } from "./image.ts";
import { type ImageSummary, type ViewableFrame } from "./viewable.ts";

export interface OpenedImage {
  readonly summary: ImageSummary;
  frame(index: number): Promise<ViewableFrame>;
  /** The pixels of a frame on the scale that a model wants, exactly as the Python client has them. */
  pixels(index: number, valueScale: ValueScale): Promise<LoadedImage>;
}

/** A picture that has brightness only: PNG or JPEG. */
export function openedPicture(format: string, planes: Planes): OpenedImage {
  const { height, width, channels } = planes;
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
    frame: async () => ({
      height,
      width,
      values: Float32Array.from({ length: height * width * channels.length }, (_, i) =>
        colour ? 255 * channels[i % 3]![Math.floor(i / 3)]! : 255 * channels[0]![i]!,
      ),
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
      return { ...planes, valueScale };
    },
  };
}
