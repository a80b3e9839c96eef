// DICOM lookup tables (PS3.3 C.11.1.1.1) and segmented palettes (C.7.9.2).

import { inputError } from "../../errors.ts";
import { type DataSet } from "./data_set.ts";

export interface LookupTable {
  first: number;
  entries: Uint16Array;
  /** The value that shows white: as the descriptor says, or the largest entry beyond that. */
  largest: number;
}

export function readTable(
  dataSet: DataSet,
  descriptorTag: string,
  dataTag: string,
  signed: boolean,
  segmentedTag?: string,
): LookupTable {
  const words = dataSet.words(descriptorTag);
  if (words === null || words.length < 3) throw inputError("dicom-table");
  const count = words[0]! || 65536;
  const bits = words[2]!;
  const explicit = dataSet.element(descriptorTag)?.vr;
  const isSigned = explicit === "SS" || (explicit !== "US" && signed);
  const first = isSigned ? (words[1]! << 16) >> 16 : words[1]!;
  let entries: Uint16Array;
  const data = dataSet.valueBytes(dataTag);
  if (data === null) {
    if (segmentedTag === undefined) throw inputError("dicom-table");
    const codes = bits <= 8 ? dataSet.valueBytes(segmentedTag) : dataSet.words(segmentedTag);
    if (codes === null) throw inputError("dicom-table");
    entries = expandSegments(Array.from(codes), bits <= 8 ? 8 : 16);
  } else if ([count, count + 1].includes(data.length) && bits <= 8) {
    entries = Uint16Array.from(data);
  } else {
    entries = dataSet.words(dataTag)!;
  }
  if (bits < 8 || bits > 16 || count > entries.length) throw inputError("dicom-table");
  entries = entries.subarray(0, count);
  const largest = entries.reduce((most, entry) => Math.max(most, entry), 2 ** bits - 1);
  return { first, entries, largest };
}

export function applyTable(table: LookupTable, value: number): number {
  const position = roundHalfEven(value) - table.first;
  return table.entries[Math.min(Math.max(position, 0), table.entries.length - 1)]!;
}

/** As NumPy's rint rounds. */
function roundHalfEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

const DISCRETE = 0;
const LINEAR = 1;
const INDIRECT = 2;

function expandSegments(codes: readonly number[], bits: 8 | 16): Uint16Array {
  const entries: number[] = [];
  const expand = (from: number, most: number, mayJump: boolean): void => {
    let position = from;
    for (let done = 0; position + 2 < codes.length && done < most; done++) {
      const [opcode, length] = [codes[position]!, codes[position + 1]!];
      if (opcode === DISCRETE && position + 2 + length <= codes.length) {
        entries.push(...codes.slice(position + 2, position + 2 + length));
        position += 2 + length;
      } else if (opcode === LINEAR && entries.length > 0) {
        const [last, target] = [entries.at(-1)!, codes[position + 2]!];
        for (let k = 1; k <= length; k++) {
          entries.push(roundHalfEven(last + ((target - last) * k) / length));
        }
        position += 3;
      } else if (opcode === INDIRECT && mayJump) {
        const size = bits === 8 ? 4 : 2;
        let offset = 0;
        for (let i = size - 1; i >= 0; i--) offset = offset * 2 ** bits + codes[position + 2 + i]!;
        const start = bits === 8 ? offset : offset / 2;
        if (!(start < position)) throw inputError("dicom-table");
        expand(start, length, false);
        position += 2 + size;
      } else {
        throw inputError("dicom-table");
      }
      if (entries.length > 65536) throw inputError("dicom-table");
    }
  };
  expand(0, Infinity, true);
  return Uint16Array.from(entries);
}
