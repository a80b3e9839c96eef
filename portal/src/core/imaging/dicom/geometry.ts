// What samples there are: rows, columns, frames, bits, sign, colour.

import { inputError } from "../../errors.ts";
import { checkFrameSize } from "../limits.ts";
import { type DataSet } from "./data_set.ts";

export interface Geometry {
  rows: number;
  columns: number;
  samples: number;
  frames: number;
  bitsAllocated: number;
  bitsStored: number;
  signed: boolean;
  float: boolean;
  planar: boolean;
  photometric: string;
}

export const TAGS = {
  pixelData: "x7fe00010",
  floatPixelData: "x7fe00008",
  doublePixelData: "x7fe00009",
} as const;

export function geometryOf(dataSet: DataSet): Geometry {
  const frames = dataSet.decimal("x00280008") ?? 1;
  const float = !dataSet.has(TAGS.pixelData);
  const bitsAllocated = dataSet.unsigned("x00280100") ?? 0;
  const geometry: Geometry = {
    rows: dataSet.unsigned("x00280010") ?? 0,
    columns: dataSet.unsigned("x00280011") ?? 0,
    samples: dataSet.unsigned("x00280002") || 1,
    frames,
    bitsAllocated,
    bitsStored: dataSet.unsigned("x00280101") || bitsAllocated,
    signed: dataSet.unsigned("x00280103") === 1,
    float,
    planar: dataSet.unsigned("x00280006") === 1,
    photometric: dataSet.code("x00280004"),
  };
  checkFrameSize(geometry.rows, geometry.columns, geometry.samples);
  const sound =
    [1, 3].includes(geometry.samples) &&
    Number.isInteger(frames) &&
    frames >= 1 &&
    (float ? [32, 64] : [1, 8, 16, 32]).includes(bitsAllocated) &&
    (float || (geometry.bitsStored >= 1 && geometry.bitsStored <= bitsAllocated));
  if (!sound) {
    const { samples } = geometry;
    throw inputError("dicom-kind", { samples, bits: bitsAllocated, frames: frames || 0 });
  }
  return geometry;
}
