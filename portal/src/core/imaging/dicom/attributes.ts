// From a data set to what rendering needs. Enhanced multi-frame objects keep an attribute in a
// functional group, of the frame or shared by all (PS3.3 C.7.6.16); others keep it at the top.

import { inputError } from "../../errors.ts";
import { type Marks } from "../viewable.ts";
import { type DataSet } from "./data_set.ts";
import { type Geometry } from "./geometry.ts";
import { readTable, type LookupTable } from "./lookup_table.ts";

export type ModalityLut =
  | { kind: "rescale"; slope: number; intercept: number }
  | { kind: "table"; table: LookupTable };

export type VoiLut =
  | {
      kind: "window";
      center: number;
      width: number;
      function: "LINEAR" | "LINEAR_EXACT" | "SIGMOID";
    }
  | { kind: "table"; table: LookupTable };

export interface FrameAttributes {
  inverted: boolean;
  modalityLut: ModalityLut;
  isHounsfield: boolean;
  voiLut: VoiLut | null;
  palette: [LookupTable, LookupTable, LookupTable] | null;
  /** Lowest and highest stored value that stand for "no tissue here". */
  padding: [number, number] | null;
}

export function frameAttributes(
  dataSet: DataSet,
  geometry: Geometry,
  frame: number,
): FrameAttributes {
  const { photometric, signed } = geometry;
  const [modalityLut, isHounsfield] = modalityLutOf(dataSet, frame, signed);
  const palette = photometric === "PALETTE COLOR" ? paletteOf(dataSet, signed) : null;
  return {
    inverted: photometric === "MONOCHROME1" || dataSet.code("x20500020") === "INVERSE",
    modalityLut,
    isHounsfield,
    voiLut: voiLutOf(dataSet, frame, signed),
    palette,
    padding: paddingOf(dataSet, signed),
  };
}

function functionalGroup(dataSet: DataSet, frame: number, tag: string): DataSet {
  return groupItem(dataSet, frame, tag) ?? dataSet;
}

function groupItem(dataSet: DataSet, frame: number, tag: string): DataSet | undefined {
  const own = dataSet.items("x52009230")[frame]?.items(tag)[0];
  return own ?? dataSet.items("x52009229")[0]?.items(tag)[0];
}

function modalityLutOf(dataSet: DataSet, frame: number, signed: boolean): [ModalityLut, boolean] {
  const [table] = dataSet.items("x00283000");
  if (table !== undefined) {
    return [{ kind: "table", table: readTable(table, "x00283002", "x00283006", signed) }, false];
  }
  const item = functionalGroup(dataSet, frame, "x00289145");
  const [slope, intercept] = [item.decimal("x00281053"), item.decimal("x00281052")];
  if (slope === null || intercept === null) {
    return [{ kind: "rescale", slope: 1, intercept: 0 }, false];
  }
  if (!Number.isFinite(slope) || !Number.isFinite(intercept) || slope === 0) {
    throw inputError("dicom-rescale");
  }
  // Rescale Type may be absent from CT images, where Hounsfield units are meant (PS3.3 C.8.2.1)
  const unit = item.code("x00281054") || "HU";
  const isHounsfield = dataSet.code("x00080060") === "CT" && unit === "HU";
  return [{ kind: "rescale", slope, intercept }, isHounsfield];
}

/** The first of the alternatives that the file offers; a table before a window. */
function voiLutOf(dataSet: DataSet, frame: number, signed: boolean): VoiLut | null {
  const item = functionalGroup(dataSet, frame, "x00289132");
  const [table] = item.items("x00283010");
  if (table !== undefined) {
    return { kind: "table", table: readTable(table, "x00283002", "x00283006", signed) };
  }
  const [center, width] = [item.decimal("x00281050"), item.decimal("x00281051")];
  if (center === null || width === null) return null;
  const name = item.code("x00281056") || "LINEAR";
  if (!Number.isFinite(center) || !Number.isFinite(width)) return null;
  if (name === "LINEAR" && width >= 1) return { kind: "window", center, width, function: name };
  if ((name === "LINEAR_EXACT" || name === "SIGMOID") && width > 0) {
    return { kind: "window", center, width, function: name };
  }
  return null; // not conformant, such as a width of 0: shown over the full range
}

function paletteOf(dataSet: DataSet, signed: boolean): [LookupTable, LookupTable, LookupTable] {
  const table = (descriptor: string, data: string, segmented: string): LookupTable =>
    readTable(dataSet, descriptor, data, signed, segmented);
  return [
    table("x00281101", "x00281201", "x00281221"),
    table("x00281102", "x00281202", "x00281222"),
    table("x00281103", "x00281203", "x00281223"),
  ];
}

function paddingOf(dataSet: DataSet, signed: boolean): [number, number] | null {
  const value = dataSet.sample("x00280120", signed);
  if (value === null) return null;
  const limit = dataSet.sample("x00280121", signed) ?? value;
  return [Math.min(value, limit), Math.max(value, limit)];
}

export function spacingMm(dataSet: DataSet, frame: number): [number, number] | null {
  const measures = functionalGroup(dataSet, frame, "x00289110");
  for (const tag of ["x00280030", "x00181164", "x00182010"]) {
    const [row, column] = measures.texts(tag).map(Number);
    if (row !== undefined && column !== undefined && row > 0 && column > 0) return [row, column];
  }
  return null;
}

const OPPOSITE: Readonly<Record<string, string>> = { L: "R", R: "L", A: "P", P: "A", H: "F", F: "H" };

/**
 * Letters for the edges of a frame, from Patient Orientation or Image Orientation (Patient). What is
 * said of the frame, or of all frames as such, comes before what stands at the top of the file.
 */
export function marksOf(dataSet: DataSet, frame: number): Marks | null {
  const plane = functionalGroup(dataSet, frame, "x00209116");
  const inFrame = groupItem(dataSet, frame, "x00209450"); // Patient Orientation in Frame
  const stated = inFrame ?? (plane === dataSet ? dataSet : null);
  const [right, bottom] = stated?.texts("x00200020") ?? [];
  const letters = /^[LRAPHF]{1,3}$/;
  if (right !== undefined && bottom !== undefined && letters.test(right) && letters.test(bottom)) {
    return { right, left: opposite(right), bottom, top: opposite(bottom) };
  }
  const cosines = plane.texts("x00200037").map(Number);
  if (cosines.length !== 6 || !cosines.every(Number.isFinite)) return null;
  const [rowEnd, columnEnd] = [direction(cosines.slice(0, 3)), direction(cosines.slice(3))];
  return { right: rowEnd, left: opposite(rowEnd), bottom: columnEnd, top: opposite(columnEnd) };
}

/** Which side of the body a frame shows: Frame Laterality, or that of the whole image. */
export function lateralityOf(dataSet: DataSet, frame: number): string {
  const anatomy = groupItem(dataSet, frame, "x00209071");
  const said =
    anatomy?.code("x00209072") || dataSet.code("x00200062") || dataSet.code("x00200060");
  return ["L", "R", "B"].includes(said) ? said : "";
}

/** The main direction of a vector in the patient's coordinates (PS3.3 C.7.6.2.1.1). */
function direction(cosines: number[]): string {
  const axes = [
    ["L", "R"],
    ["P", "A"],
    ["H", "F"],
  ];
  const main = cosines.reduce((best, value, i) =>
    Math.abs(value) > Math.abs(cosines[best]!) ? i : best, 0);
  return axes[main]![cosines[main]! >= 0 ? 0 : 1]!;
}

function opposite(letters: string): string {
  return [...letters].map((letter) => OPPOSITE[letter]!).join("");
}
