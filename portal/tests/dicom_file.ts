// Small DICOM files for tests: explicit VR, little endian.

import { ascii, concat, viewOf, type Bytes } from "../src/core/bytes.ts";

/** An element: its tag, its VR, and text, 16-bit numbers, bytes, or the items of a sequence. */
export type Element = [tag: number, vr: string, value: string | number[] | Uint8Array | Element[][]];

const LONG = new Set(["OB", "OW", "SQ", "UN"]);

export function elements(list: readonly Element[]): Bytes {
  return concat(...list.map(([tag, vr, value]) => element(tag, vr, valueBytes(vr, value))));
}

/** A file of these elements, with a frame's geometry unless it is given. */
export function dicomFile(list: readonly Element[], syntax = "1.2.840.10008.1.2.1"): Bytes {
  const meta = elements([[0x00020010, "UI", syntax]]);
  const length = new Uint8Array(4);
  viewOf(length).setUint32(0, meta.length, true);
  const geometry: Element[] = [
    [0x00280002, "US", [1]],
    [0x00280004, "CS", "MONOCHROME2"],
    [0x00280010, "US", [2]],
    [0x00280011, "US", [2]],
    [0x00280100, "US", [8]],
    [0x00280101, "US", [8]],
    [0x00280103, "US", [0]],
  ];
  const given = new Set(list.map(([tag]) => tag));
  const all = [...geometry.filter(([tag]) => !given.has(tag)), ...list].sort(([a], [b]) => a - b);
  return concat(
    new Uint8Array(128), ascii("DICM"), element(0x00020000, "UL", length), meta, elements(all),
  );
}

/** Pixel data of codestreams: an empty offset table and a fragment each. */
export function encapsulated(...fragments: Uint8Array[]): Bytes {
  const items = [new Uint8Array(0), ...fragments].map((bytes) =>
    concat(words(0xfffe, 0xe000), long(bytes.length + (bytes.length & 1)), even(bytes)),
  );
  return concat(
    words(0x7fe0, 0x0010), ascii("OB"), words(0), long(0xffffffff),
    ...items, words(0xfffe, 0xe0dd), long(0),
  );
}

function valueBytes(vr: string, value: Element[2]): Uint8Array {
  if (value instanceof Uint8Array) return even(value);
  if (typeof value === "string") return even(ascii(value), vr === "UI" ? 0 : 0x20);
  if (vr === "US") return words(...(value as number[]));
  const items = (value as Element[][]).map((item) => {
    const bytes = elements(item);
    return concat(words(0xfffe, 0xe000), long(bytes.length), bytes);
  });
  return concat(...items);
}

function element(tag: number, vr: string, value: Uint8Array): Bytes {
  const head = concat(words(Math.floor(tag / 65536), tag % 65536), ascii(vr));
  return LONG.has(vr)
    ? concat(head, words(0), long(value.length), value)
    : concat(head, words(value.length), value);
}

function even(bytes: Uint8Array, padding = 0): Uint8Array {
  return bytes.length % 2 === 0 ? bytes : concat(bytes, Uint8Array.of(padding));
}

function words(...values: number[]): Bytes {
  const bytes = new Uint8Array(2 * values.length);
  values.forEach((value, i) => viewOf(bytes).setUint16(2 * i, value, true));
  return bytes;
}

function long(value: number): Bytes {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setUint32(0, value, true);
  return bytes;
}
