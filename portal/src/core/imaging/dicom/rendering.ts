// Stored samples to pixels: modality LUT, VOI LUT, inversion, palette (PS3.4 N.2), in the order and
// arithmetic of safelight.imaging.dicom_rendering.

import { inputError } from "../../errors.ts";
import { type LoadedImage, type ValueScale } from "../image.ts";
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
  const colour = colourPlanes(stored, geometry, attributes);
  if (colour !== null) {
    if (valueScale !== "display") throw inputError("no-hounsfield");
    return { ...size, valueScale, channels: colour };
  }
  if (valueScale === "hounsfield" && !attributes.isHounsfield) throw inputError("no-hounsfield");
  const values = modalityValues(stored[0]!, attributes.modalityLut);
  if (valueScale !== "display") return { ...size, valueScale, channels: [values] };
  const brightness = applyVoi(values, attributes.voiLut, () =>
    fullRange(stored[0]!, values, geometry, attributes),
  );
  const shown = attributes.inverted ? brightness.map((value) => 1 - value) : brightness;
  return { ...size, valueScale, channels: [shown] };
}

export function viewableFrame(
  stored: Samples,
  geometry: Geometry,
  attributes: FrameAttributes,
): FrameValues {
  const size = { height: geometry.rows, width: geometry.columns };
  const colour = colourPlanes(stored, geometry, attributes);
  if (colour !== null) {
    const values = new Float32Array(3 * colour[0]!.length);
    colour.forEach((plane, channel) =>
      plane.forEach((value, i) => (values[3 * i + channel] = Math.round(255 * value))),
    );
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
    values: Float32Array.from(values),
    colour: false,
    inverted,
    voi,
    smallest,
    largest,
    unit: attributes.isHounsfield ? "HU" : "grey",
  };
}

/** Red, green and blue from 0 to 1, or null for grey. */
function colourPlanes(
  stored: Samples,
  geometry: Geometry,
  attributes: FrameAttributes,
): Float64Array[] | null {
  if (attributes.palette !== null) {
    const largest = Math.max(...attributes.palette.map((table) => table.largest));
    return attributes.palette.map((table) =>
      stored[0]!.map((value) => applyTable(table, value) / largest),
    );
  }
  if (stored.length !== 3) return null;
  const largest = 2 ** geometry.bitsStored - 1;
  return stored.map((plane) => plane.map((value) => clip01(value / largest)));
}

function modalityValues(stored: Float64Array, lut: ModalityLut): Float64Array {
  if (lut.kind === "table") return stored.map((value) => applyTable(lut.table, value));
  return stored.map((value) => value * lut.slope + lut.intercept);
}

function applyVoi(values: Float64Array, lut: VoiLut | null, range: () => Range): Float64Array {
  if (lut === null) {
    const { low, high } = range();
    if (!(high > low)) return new Float64Array(values.length);
    // divided separately, so that a range as wide as a double's own does not overflow
    const halfSpan = high / 2 - low / 2;
    return values.map((value) => clip01((value / 2 - low / 2) / halfSpan));
  }
  if (lut.kind === "table") {
    return values.map((value) => applyTable(lut.table, value) / lut.table.largest);
  }
  const { center, width } = lut;
  if (lut.function === "SIGMOID") {
    const exponent = (value: number): number =>
      Math.min(Math.max((-4 * (value - center)) / width, -700), 700);
    return values.map((value) => 1 / (1 + Math.exp(exponent(value))));
  }
  if (lut.function === "LINEAR_EXACT") {
    return values.map((value) => clip01((value - center) / width + 0.5));
  }
  if (width === 1) return values.map((value) => (value <= center - 0.5 ? 0 : 1));
  return values.map((value) => clip01((value - (center - 0.5)) / (width - 1) + 0.5));
}

/** What shows black and white where the file does not say (docs/preprocessing.md, DICOM grey). */
function fullRange(
  stored: Float64Array,
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
