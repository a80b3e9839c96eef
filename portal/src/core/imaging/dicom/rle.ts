// RLE Lossless (PS3.5 annex G): a segment for each byte of each sample, the most significant first.

import { viewOf } from "../../bytes.ts";
import { inputError } from "../../errors.ts";
import { type Geometry } from "./geometry.ts";

const HEADER_BYTES = 64;
const MAX_SEGMENTS = 15;

/** The frame's bytes as an uncompressed little-endian one has them, planes one after another. */
export function decodeRle(encoded: Uint8Array, geometry: Geometry): Uint8Array {
  const { rows, columns, samples, bitsAllocated } = geometry;
  const pixels = rows * columns;
  const width = bitsAllocated / 8;
  if (encoded.length < HEADER_BYTES || !Number.isInteger(width)) throw inputError("dicom-damaged");
  const view = viewOf(encoded);
  const count = view.getUint32(0, true);
  if (count !== samples * width || count > MAX_SEGMENTS) throw inputError("dicom-damaged");
  const out = new Uint8Array(pixels * count);
  for (let segment = 0; segment < count; segment++) {
    const start = view.getUint32(4 + 4 * segment, true);
    const last = segment + 1 === count;
    const end = last ? encoded.length : view.getUint32(8 + 4 * segment, true);
    const plane = unpackBits(encoded.subarray(start, end), pixels);
    const sample = Math.floor(segment / width);
    const byte = width - 1 - (segment % width);
    for (let i = 0; i < pixels; i++) out[(sample * pixels + i) * width + byte] = plane[i]!;
  }
  return out;
}

function unpackBits(encoded: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  let filled = 0;
  for (let i = 0; i < encoded.length && filled < size; ) {
    const head = encoded[i++]!;
    if (head < 128) {
      const run = encoded.subarray(i, i + head + 1).subarray(0, size - filled);
      out.set(run, filled);
      filled += run.length;
      i += head + 1;
    } else if (head > 128) {
      const length = Math.min(257 - head, size - filled);
      out.fill(encoded[i++]!, filled, filled + length);
      filled += length;
    }
  }
  if (filled < size) throw inputError("cut-short");
  return out;
}
