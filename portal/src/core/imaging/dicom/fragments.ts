// Encapsulated pixel data: the codestream of one frame out of the fragments (PS3.5 A.4).

import { concatAll, viewOf } from "../../bytes.ts";
import { inputError } from "../../errors.ts";
import { type DataSet } from "./data_set.ts";
import { TAGS } from "./geometry.ts";

interface Fragment {
  /** From the first item behind the basic offset table. */
  offset: number;
  bytes: Uint8Array;
}

// a JPEG codestream's end lies within the last bytes of its last fragment, but for padding
const END_WITHIN = 10;

/** Gives the codestream of a frame. Fragments are sorted into frames once, at the first call. */
export function codestreamsOf(dataSet: DataSet, frames: number): (index: number) => Uint8Array {
  let partsOf: ((index: number) => Fragment[]) | null = null;
  return (index) => {
    partsOf ??= sortedIntoFrames(dataSet, frames);
    const parts = partsOf(index);
    if (parts.length === 0) throw inputError("cut-short");
    return parts.length === 1 ? parts[0]!.bytes : concatAll(parts.map((part) => part.bytes));
  };
}

function sortedIntoFrames(dataSet: DataSet, frames: number): (index: number) => Fragment[] {
  const fragments = fragmentsOf(dataSet);
  const offsets = extendedOffsets(dataSet) ?? dataSet.element(TAGS.pixelData)!.basicOffsetTable ?? [];
  if (offsets.length === frames && frames > 1) {
    return (index) => {
      const end = offsets[index + 1] ?? Infinity;
      return fragments.slice(firstFrom(fragments, offsets[index]!), firstFrom(fragments, end));
    };
  }
  if (frames === 1) return () => fragments;
  if (fragments.length === frames) return (index) => [fragments[index]!];
  // neither a table nor one fragment a frame: each codestream ends with its end marker
  const grouped: Fragment[][] = [[]];
  for (const fragment of fragments) {
    grouped.at(-1)!.push(fragment);
    if (endsCodestream(fragment.bytes)) grouped.push([]);
  }
  return (index) => grouped[index] ?? [];
}

function fragmentsOf(dataSet: DataSet): Fragment[] {
  const element = dataSet.element(TAGS.pixelData)!;
  if (!element.encapsulatedPixelData || element.fragments === undefined) {
    throw inputError("dicom-damaged");
  }
  if (dataSet.isCutShort) throw inputError("cut-short");
  return element.fragments.map((fragment) => {
    const end = fragment.position + fragment.length;
    if (end > dataSet.bytes.length) throw inputError("cut-short");
    return { offset: fragment.offset, bytes: dataSet.bytes.subarray(fragment.position, end) };
  });
}

/** How many fragments lie before an offset; they are in the order of the file. */
function firstFrom(fragments: readonly Fragment[], offset: number): number {
  let [low, high] = [0, fragments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (fragments[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function extendedOffsets(dataSet: DataSet): number[] | null {
  const bytes = dataSet.valueBytes("x7fe00001");
  if (bytes === null) return null;
  const view = viewOf(bytes);
  return Array.from({ length: bytes.length >> 3 }, (_, i) =>
    Number(view.getBigUint64(8 * i, true)),
  );
}

function endsCodestream(bytes: Uint8Array): boolean {
  for (let i = Math.max(bytes.length - END_WITHIN, 0); i + 1 < bytes.length; i++) {
    if (bytes[i] === 0xff && bytes[i + 1] === 0xd9) return true;
  }
  return false;
}
