// Stored samples to pixels: modality LUT, VOI LUT, inversion, palette (PS3.4 N.2), in the order and
// arithmetic of safelight.imaging.dicom_rendering.

import { inputError } from "../../errors.ts";
import { doubles, type LoadedImage, type SampleArray, type ValueScale } from "../image.ts";
import { clip01 } from "../preprocessing.ts";
import { type FrameValues, type Voi } from "../viewable.ts";
import { type FrameAttributes, type ModalityLut, type VoiLut } from "./attributes.ts";
import { type Geometry } from "./geometry.ts";
import { applyTable } from "./lookup_table.ts";
import { type Samples } from "./samples.ts";

interface Range {
  low: number;
  high: number;
}

export function renderPixels(
  stored: Samples,
  geometry: Geometry,
  attributes: FrameAttributes,
  valueScale: ValueScale,
): LoadedImage {
  const size = { height: geometry.rows, width: geometry.columns };
  const colour = colourOf(stored, geometry, attributes);
  if (colour !== null) {
    if (valueScale !== "display") throw inputError("no-hounsfield");
    const pixels = size.height * size.width;
    const channels = [0, 1, 2].map((channel) => doubles(pixels, (i) => colour(channel, i)));
    return { ...size, valueScale, channels };
  }
  if (valueScale === "hounsfield" && !attributes.isHounsfield) throw inputError("no-hounsfield");
  const values = modalityValues(stored[0]!, attributes.modalityLut);
  if (valueScale !== "display") return { ...size, valueScale, channels: [values] };
  const shown = applyVoi(values, attributes.voiLut, () =>
    fullRange(stored[0]!, values, geometry, attributes),
  );
  if (attributes.inverted) replace(shown, (value) => 1 - value);
  return { ...size, valueScale, channels: [shown] };
}

export function viewableFrame(
  stored: Samples,
  geometry: Geometry,
  attributes: FrameAttributes,
): FrameValues {
  const size = { height: geometry.rows, width: geometry.columns };
  const colour = colourOf(stored, geometry, attributes);
  if (colour !== null) {
    const values = new Uint8ClampedArray(3 * size.height * size.width);
    for (let channel = 0; channel < 3; channel++) {
      for (let i = channel, pixel = 0; i < values.length; i += 3, pixel++) {
        values[i] = Math.round(255 * colour(channel, pixel));
      }
    }
    const voi: Voi = { kind: "range", low: 0, high: 255 };
    return { ...size, values, colour: true, inverted: false, voi, smallest: 0, largest: 255, unit: "grey" };
  }
  const values = modalityValues(stored[0]!, attributes.modalityLut);
  const { low: smallest, high: largest } = extremes(values);
  const { voiLut, inverted } = attributes;
  let voi: Voi;
  if (voiLut === null) {
    voi = { kind: "range", ...fullRange(stored[0]!, values, geometry, attributes) };
  } else if (voiLut.kind === "window") {
    voi = voiLut;
  } else {
    const { first, entries, largest: white } = voiLut.table;
    voi = { kind: "table", first, entries: Float32Array.from(entries, (entry) => entry / white) };
  }
  return {
    ...size,
    values: new Float32Array(values),
    colour: false,
    inverted,
    voi,
    smallest,
    largest,
    unit: attributes.isHounsfield ? "HU" : "grey",
  };
}

/** What gives red, green and blue from 0 to 1 at a pixel, or null for grey. */
function colourOf(
  stored: Samples,
  geometry: Geometry,
  attributes: FrameAttributes,
): ((channel: number, pixel: number) => number) | null {
  const { palette } = attributes;
  if (palette !== null) {
    const largest = Math.max(...palette.map((table) => table.largest));
    return (channel, pixel) => applyTable(palette[channel]!, stored[0]![pixel]!) / largest;
  }
  if (stored.length !== 3) return null;
  const largest = 2 ** geometry.bitsStored - 1;
  return (channel, pixel) => clip01(stored[channel]![pixel]! / largest);
}

function modalityValues(stored: SampleArray, lut: ModalityLut): Float64Array {
  if (lut.kind === "table") {
    return doubles(stored.length, (i) => applyTable(lut.table, stored[i]!));
  }
  return doubles(stored.length, (i) => stored[i]! * lut.slope + lut.intercept);
}

function replace(values: Float64Array, by: (value: number) => number): Float64Array {
  for (let i = 0; i < values.length; i++) values[i] = by(values[i]!);
  return values;
}

/** Brightness in place of the values. */
function applyVoi(values: Float64Array, lut: VoiLut | null, range: () => Range): Float64Array {
  if (lut === null) {
    const { low, high } = range();
    if (!(high > low)) return values.fill(0);
    // divided separately, so that a range as wide as a double's own does not overflow
    const halfSpan = high / 2 - low / 2;
    return replace(values, (value) => clip01((value / 2 - low / 2) / halfSpan));
  }
  if (lut.kind === "table") {
    return replace(values, (value) => applyTable(lut.table, value) / lut.table.largest);
  }
  const { center, width } = lut;
  if (lut.function === "SIGMOID") {
    const exponent = (value: number): number =>
      Math.min(Math.max((-4 * (value - center)) / width, -700), 700);
    return replace(values, (value) => 1 / (1 + Math.exp(exponent(value))));
  }
  if (lut.function === "LINEAR_EXACT") {
    return replace(values, (value) => clip01((value - center) / width + 0.5));
  }
  if (width === 1) return replace(values, (value) => (value <= center - 0.5 ? 0 : 1));
  return replace(values, (value) => clip01((value - (center - 0.5)) / (width - 1) + 0.5));
}

/** What shows black and white where the file does not say (docs/preprocessing.md, DICOM grey). */
function fullRange(
  stored: SampleArray,
  values: Float64Array,
  geometry: Geometry,
  attributes: FrameAttributes,
): Range {
  const { bitsStored, signed, float } = geometry;
  if (bitsStored <= 8 && !float) {
    const half = 2 ** (bitsStored - 1);
    const samples = Float64Array.from({ length: 2 * half }, (_, i) => (signed ? i - half : i));
    return extremes(modalityValues(samples, attributes.modalityLut));
  }
  const { padding } = attributes;
  if (padding !== null) {
    const tissue = values.filter((_, i) => stored[i]! < padding[0] || stored[i]! > padding[1]);
    if (tissue.length > 0) return extremes(tissue);
  }
  return extremes(values);
}

function extremes(values: Float64Array): Range {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) throw inputError("not-finite");
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return { low, high };
}
