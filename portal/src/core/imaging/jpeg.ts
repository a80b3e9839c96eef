// JPEG files to brightness, with libjpeg-turbo: browsers' own decoders differ from one another.

import { viewOf } from "../bytes.ts";
import { inputError } from "../errors.ts";
import { decodeFrame } from "./codecs.ts";
import { orientationOf, turnUpright } from "./exif.ts";
import { type StoredPlanes } from "./image.ts";
import { checkFrameSize } from "./limits.ts";

export interface JpegHeader {
  rows: number;
  columns: number;
  components: number;
  precision: number;
  /** SOF marker: 0xc0 baseline, 0xc1 extended, 0xc2 progressive, 0xc3 lossless. */
  process: number;
  exif: Uint8Array | null;
}

/** What a codestream's own header says. */
export function readJpegHeader(content: Uint8Array): JpegHeader {
  const view = viewOf(content);
  let exif: Uint8Array | null = null;
  let offset = 2;
  while (offset + 4 <= content.length) {
    if (content[offset] !== 0xff) throw inputError("damaged-image");
    const marker = content[offset + 1]!;
    if (marker === 0xff) {
      offset++;
      continue;
    }
    const length = view.getUint16(offset + 2);
    const body = content.subarray(offset + 4, offset + 2 + length);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if ((isFrame || marker === 0xf7) && body.length >= 6) {
      const frame = viewOf(body);
      return {
        precision: frame.getUint8(0),
        rows: frame.getUint16(1),
        columns: frame.getUint16(3),
        components: frame.getUint8(5),
        process: marker,
        exif,
      };
    }
    const isExif = String.fromCharCode(...body.subarray(0, 6)) === "Exif\0\0";
    if (marker === 0xe1 && isExif) exif = body.subarray(6);
    offset += 2 + length;
  }
  throw inputError("cut-short");
}

export async function loadJpeg(content: Uint8Array): Promise<StoredPlanes> {
  const header = readJpegHeader(content);
  checkFrameSize(header.rows, header.columns, header.components);
  if (![0xc0, 0xc1, 0xc2].includes(header.process) || header.precision !== 8) {
    throw inputError("jpeg-kind");
  }
  if (![1, 3].includes(header.components)) throw inputError("jpeg-colours");
  if (!endsWhole(content)) throw inputError("cut-short");
  const { width, height, components, bytes } = await decodeFrame("jpeg", content);
  if (bytes.length !== width * height * components) throw inputError("damaged-image");
  const channels = Array.from({ length: components }, (_, channel) => {
    if (components === 1) return bytes;
    const plane = new Uint8Array(width * height);
    for (let i = 0; i < plane.length; i++) plane[i] = bytes[i * components + channel]!;
    return plane;
  });
  const orientation = header.exif === null ? 1 : orientationOf(header.exif);
  return turnUpright({ width, height, channels, largest: 255 }, orientation);
}

/**
 * Whether a codestream has its end marker. libjpeg only warns of a missing one, and fills with grey
 * what is not there; CharLS looks for it for half a minute.
 */
export function endsWhole(content: Uint8Array): boolean {
  const scan = firstScan(content);
  for (let i = content.length - 2; i >= scan; i--) {
    if (content[i] === 0xff && content[i + 1] === 0xd9) return true;
  }
  return false;
}

/** Where the first scan begins: a comment or a thumbnail before it has end markers of its own. */
function firstScan(content: Uint8Array): number {
  const view = viewOf(content);
  let offset = 2;
  while (offset + 4 <= content.length && content[offset] === 0xff) {
    const marker = content[offset + 1]!;
    if (marker === 0xda) return offset;
    offset += marker === 0xff ? 1 : 2 + view.getUint16(offset + 2);
  }
  return content.length;
}
