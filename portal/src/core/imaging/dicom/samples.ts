// The stored samples of one frame, decoded: grey [H · W], or red, green and blue [3][H · W].

import { Decoder as LosslessDecoder } from "jpeg-lossless-decoder-js";

import { concat, viewOf } from "../../bytes.ts";
import { inputError } from "../../errors.ts";
import { decodeFrame, type DecodedFrame } from "../codecs.ts";
import { type SampleArray } from "../image.ts";
import { endsWhole, readJpegHeader } from "../jpeg.ts";
import { readJpeg2000Header } from "../jpeg2000.ts";
import { type DataSet, damagedUnless } from "./data_set.ts";
import { TAGS, type Geometry } from "./geometry.ts";
import { decodeRle } from "./rle.ts";
import { type Coding } from "./syntaxes.ts";

export type Samples = SampleArray[];

export async function frameSamples(
  dataSet: DataSet,
  geometry: Geometry,
  coding: Coding,
  codestreamOf: (index: number) => Uint8Array,
  index: number,
): Promise<Samples> {
  if (coding === "native") {
    return damagedUnless(() => toRgb(nativeSamples(dataSet, geometry, index), geometry));
  }
  const codestream = damagedUnless(() => codestreamOf(index));
  if (coding === "rle") {
    const planes = damagedUnless(() => decodeRle(codestream, geometry));
    const layout = { ...geometry, planar: true };
    return toRgb(readSamples(planes, layout, true, 0), geometry);
  }
  const decoded = await decodeCodestream(codestream, geometry, coding);
  if (decoded.width !== geometry.columns || decoded.height !== geometry.rows) {
    throw inputError("dicom-frame-size");
  }
  if (decoded.components !== geometry.samples) throw inputError("dicom-damaged");
  const layout: Geometry = {
    ...geometry,
    planar: decoded.planar,
    bitsAllocated: decoded.bits > 8 ? 16 : 8,
    bitsStored: geometry.signed ? Math.max(decoded.bits, geometry.bitsStored) : decoded.bits,
    // a codestream may call samples unsigned that the data set knows to be two's complement
    signed: geometry.signed || decoded.signed,
  };
  if (layout.signed && !decoded.signed) layout.bitsStored = decoded.bits;
  layout.bitsStored = Math.min(layout.bitsStored, layout.bitsAllocated);
  const samples = readSamples(decoded.bytes, layout, true, 0);
  return decoded.isRgb ? samples : toRgb(samples, geometry);
}

interface Decoded extends DecodedFrame {
  planar: boolean;
  /** Whether the decoder has undone the colour transform. */
  isRgb: boolean;
}

async function decodeCodestream(
  codestream: Uint8Array,
  geometry: Geometry,
  coding: Exclude<Coding, "native" | "rle">,
): Promise<Decoded> {
  const colour = geometry.samples === 3;
  switch (coding) {
    case "jpeg": {
      const header = readJpegHeader(codestream);
      checkSize(header, geometry);
      // no maintained decoder for browsers reads more (ADR 0017)
      if (header.precision !== 8) throw inputError("jpeg-precision", { bits: header.precision });
      // the file's photometric interpretation says what the samples are, unless an Adobe marker does
      const transformed = hasAdobeMarker(codestream);
      const stream = colour && !transformed ? untransformed(codestream) : codestream;
      return { ...(await decodeFrame("jpeg", stream)), planar: false, isRgb: transformed };
    }
    case "jpeg-lossless": {
      const header = readJpegHeader(codestream);
      checkSize(header, geometry);
      const { buffer } = codestream.slice();
      const bytes = damagedUnless(() => new LosslessDecoder().decompress(buffer, 0, buffer.byteLength));
      return {
        width: header.columns,
        height: header.rows,
        components: header.components,
        bits: header.precision,
        signed: false,
        bytes: new Uint8Array(bytes),
        planar: false,
        isRgb: false,
      };
    }
    case "jpeg-ls": {
      checkSize(readJpegHeader(codestream), geometry);
      if (!endsWhole(codestream)) throw inputError("cut-short");
      const frame = await decodeFrame("jpeg-ls", codestream);
      return { ...frame, planar: colour && frame.planarLayout === true, isRgb: false };
    }
    case "jpeg-2000": {
      checkSize(readJpeg2000Header(codestream), geometry);
      const isRgb = ["YBR_ICT", "YBR_RCT", "RGB"].includes(geometry.photometric);
      return { ...(await decodeFrame("jpeg-2000", codestream)), planar: false, isRgb };
    }
  }
}

/** Before anything is decoded: a few bytes can announce gigabytes. */
function checkSize(
  header: { rows: number; columns: number; components: number },
  geometry: Geometry,
): void {
  if (header.components !== geometry.samples) throw inputError("dicom-damaged");
  if (header.rows !== geometry.rows || header.columns !== geometry.columns) {
    throw inputError("dicom-frame-size");
  }
}

function hasAdobeMarker(codestream: Uint8Array): boolean {
  const view = viewOf(codestream);
  for (let i = 2; i + 4 < codestream.length && codestream[i] === 0xff; ) {
    const marker = codestream[i + 1]!;
    if (marker === 0xda) return false;
    const text = String.fromCharCode(...codestream.subarray(i + 4, i + 9));
    if (marker === 0xee && text === "Adobe") return true;
    i += 2 + view.getUint16(i + 2);
  }
  return false;
}

/** The same codestream with a marker that says: no colour transform. */
function untransformed(codestream: Uint8Array): Uint8Array {
  const adobe = [0xff, 0xee, 0, 14, 0x41, 0x64, 0x6f, 0x62, 0x65, 0, 100, 0, 0, 0, 0, 0];
  return concat(codestream.subarray(0, 2), Uint8Array.from(adobe), withoutJfif(codestream));
}

/** What follows the start of image, without APP0: libjpeg takes JFIF to mean YCbCr. */
function withoutJfif(codestream: Uint8Array): Uint8Array {
  if (codestream[2] !== 0xff || codestream[3] !== 0xe0) return codestream.subarray(2);
  return codestream.subarray(4 + viewOf(codestream).getUint16(4));
}

function nativeSamples(dataSet: DataSet, geometry: Geometry, index: number): Samples {
  const { rows, columns, samples, bitsAllocated, float, photometric, frames } = geometry;
  const tag = float
    ? dataSet.has(TAGS.floatPixelData)
      ? TAGS.floatPixelData
      : TAGS.doublePixelData
    : TAGS.pixelData;
  const bytes = dataSet.valueBytes(tag);
  if (bytes === null) throw inputError("cut-short");
  const count = rows * columns * samples;
  if (photometric === "YBR_FULL_422" && samples === 3) {
    return subsampled(bytes, geometry, index);
  }
  if (bitsAllocated === 1) {
    const first = index * count;
    if ((first + count + 7) >> 3 > bytes.length) throw inputError("cut-short");
    const plane = new Uint8Array(count);
    for (let i = 0; i < count; i++) plane[i] = (bytes[(first + i) >> 3]! >> ((first + i) & 7)) & 1;
    return [plane];
  }
  const size = (count * bitsAllocated) / 8;
  if (size * (index + 1) > bytes.length || size * frames > bytes.length + 1) {
    throw inputError("cut-short");
  }
  const wordSwapped = !dataSet.littleEndian && bitsAllocated === 8 && dataSet.element(tag)?.vr === "OW";
  const start = index * size;
  const frame = bytes.subarray(start, start + size);
  const inOrder = wordSwapped ? swapped(bytes, start, size) : frame;
  return readSamples(inOrder, geometry, dataSet.littleEndian, 0);
}

/** 8-bit samples in big-endian 16-bit words: each pair the other way round. */
function swapped(bytes: Uint8Array, start: number, size: number): Uint8Array {
  const out = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    const pair = (start + i) ^ 1; // the last byte of an odd number has no other
    out[i] = bytes[pair < bytes.length ? pair : start + i]!;
  }
  return out;
}

function readSamples(
  bytes: Uint8Array,
  geometry: Geometry,
  littleEndian: boolean,
  offset: number,
): Samples {
  const { rows, columns, samples, bitsAllocated, bitsStored, signed, float, planar } = geometry;
  const pixels = rows * columns;
  const width = bitsAllocated / 8;
  if (bytes.length < offset + pixels * samples * width) throw inputError("cut-short");
  const view = viewOf(bytes);
  const shift = 32 - bitsStored;
  const read = (position: number): number => {
    if (float) {
      return width === 4
        ? view.getFloat32(position, littleEndian)
        : view.getFloat64(position, littleEndian);
    }
    const word =
      width === 1
        ? view.getUint8(position)
        : width === 2
          ? view.getUint16(position, littleEndian)
          : view.getUint32(position, littleEndian);
    // bits above those stored may hold anything
    return signed ? (word << shift) >> shift : (word << shift) >>> shift;
  };
  return Array.from({ length: samples }, (_, sample) => {
    const plane = emptyPlane(pixels, width, signed, float);
    const step = planar ? 1 : samples;
    const first = planar ? sample * pixels : sample;
    for (let i = 0; i < pixels; i++) plane[i] = read(offset + (first + i * step) * width);
    return plane;
  });
}

function emptyPlane(length: number, width: number, signed: boolean, float: boolean): SampleArray {
  if (float) return width === 4 ? new Float32Array(length) : new Float64Array(length);
  if (width === 1) return signed ? new Int8Array(length) : new Uint8Array(length);
  if (width === 2) return signed ? new Int16Array(length) : new Uint16Array(length);
  return signed ? new Int32Array(length) : new Uint32Array(length);
}

/** YBR_FULL_422, uncompressed: two pixels share their colour. */
function subsampled(bytes: Uint8Array, geometry: Geometry, index: number): Samples {
  const { rows, columns, bitsAllocated } = geometry;
  const pixels = rows * columns;
  const size = 2 * pixels;
  if (bitsAllocated !== 8 || bytes.length < size * (index + 1)) throw inputError("cut-short");
  const frame = bytes.subarray(index * size, (index + 1) * size);
  const planes = [0, 1, 2].map(() => new Uint8Array(pixels));
  for (let i = 0; i < pixels; i++) {
    const group = 4 * (i >> 1);
    planes[0]![i] = frame[group + (i & 1)]!;
    planes[1]![i] = frame[group + 2]!;
    planes[2]![i] = frame[group + 3]!;
  }
  return planes;
}

// PS3.3 C.7.6.3.1.2, rounded to 32-bit floats as the Python client computes it
const [BLUE_GREEN, CB_BLUE, CR_RED, RED_GREEN] = [
  (-0.114 * 1.772) / 0.587,
  1.772,
  1.402,
  (-0.299 * 1.402) / 0.587,
].map(Math.fround) as [number, number, number, number];

function toRgb(samples: Samples, geometry: Geometry): Samples {
  const [luma, cb, cr] = samples;
  if (!geometry.photometric.startsWith("YBR_FULL") || cb === undefined || cr === undefined) {
    return samples;
  }
  const rounded = (value: number): number => Math.min(Math.max(Math.floor(value + 0.5), 0), 255);
  const [red, green, blue] = [0, 1, 2].map(() => new Uint8Array(cb.length));
  for (let i = 0; i < cb.length; i++) {
    const y = luma![i]!;
    const [b, r] = [cb[i]! - 128, cr[i]! - 128];
    red![i] = rounded(y + CR_RED * r);
    green![i] = rounded(y + BLUE_GREEN * b + RED_GREEN * r);
    blue![i] = rounded(y + CB_BLUE * b);
  }
  return [red!, green!, blue!];
}
