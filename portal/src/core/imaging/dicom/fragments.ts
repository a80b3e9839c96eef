// Encapsulated pixel data: the codestream of one frame out of the fragments (PS3.5 A.4).

import { concat, viewOf } from "../../bytes.ts";
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

export function frameCodestream(dataSet: DataSet, index: number, frames: number): Uint8Array {
  const element = dataSet.element(TAGS.pixelData)!;
  if (!element.encapsulatedPixelData || element.fragments === undefined) {
    throw inputError("dicom-damaged");
  }
  if (dataSet.isCutShort) throw inputError("cut-short");
  const fragments: Fragment[] = element.fragments.map((fragment) => {
    const end = fragment.position + fragment.length;
    if (end > dataSet.bytes.length) throw inputError("cut-short");
    return { offset: fragment.offset, bytes: dataSet.bytes.subarray(fragment.position, end) };
  });
  const parts = partsOf(dataSet, fragments, element.basicOffsetTable ?? [], frames)[index];
  if (parts === undefined || parts.length === 0) throw inputError("cut-short");
  return parts.length === 1 ? parts[0]!.bytes : concat(...parts.map((part) => part.bytes));
}

function partsOf(
  dataSet: DataSet,
  fragments: Fragment[],
  basicOffsets: readonly number[],
  frames: number,
): Fragment[][] {
  const offsets = extendedOffsets(dataSet) ?? basicOffsets;
  if (offsets.length === frames && frames > 1) {
    return offsets.map((start, i) => {
      const end = offsets[i + 1] ?? Infinity;
      return fragments.filter(({ offset }) => offset >= start && offset < end);
    });
  }
  if (frames === 1) return [fragments];
  if (fragments.length === frames) return fragments.map((fragment) => [fragment]);
  // neither a table nor one fragment a frame: each codestream ends with its end marker
  const grouped: Fragment[][] = [[]];
  for (const fragment of fragments) {
    grouped.at(-1)!.push(fragment);
    if (endsCodestream(fragment.bytes)) grouped.push([]);
  }
  return grouped.filter((parts) => parts.length > 0);
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
