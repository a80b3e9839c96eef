// PNG to brightness, sample by sample as safelight.imaging.raster reads it. The browser's own decoder
// gives eight bits, premultiplied and colour-managed; models were trained on none of that.
//
// Source: PNG specification, third edition (W3C 2025).

import { concatAll, viewOf } from "../bytes.ts";
import { inputError } from "../errors.ts";
import { orientationOf, turnUpright } from "./exif.ts";
import { doubles, type SampleArray, type StoredPlanes } from "./image.ts";
import { inflate } from "./inflate.ts";
import { checkFrameSize } from "./limits.ts";

const SIGNATURE_BYTES = 8;
const PALETTE = 3;
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};
// Adam7: first column, first row, column step, row step of each pass
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

type Samples = Uint8Array | Uint16Array;

interface Header {
  width: number;
  height: number;
  depth: number;
  colour: number;
  interlaced: boolean;
}

export async function loadPng(content: Uint8Array): Promise<StoredPlanes> {
  const chunks = readChunks(content);
  const header = readHeader(chunks.get("IHDR")?.[0]);
  const channels = CHANNELS[header.colour]!;
  checkFrameSize(header.height, header.width, header.colour === PALETTE ? 3 : channels);
  const limit = (header.height + 8) * (Math.ceil((header.width * channels * header.depth) / 8) + 8);
  const packed = await inflate(concatAll(chunks.get("IDAT") ?? []), "deflate", 2 * limit);
  const samples = unfilter(packed, header, channels);
  const planes = toPlanes(samples, header, chunks.get("PLTE")?.[0], chunks.get("tRNS")?.[0]);
  const exif = chunks.get("eXIf")?.[0];
  return exif === undefined ? planes : turnUpright(planes, orientationOf(exif));
}

function readChunks(content: Uint8Array): Map<string, Uint8Array[]> {
  const view = viewOf(content);
  const chunks = new Map<string, Uint8Array[]>();
  let offset = SIGNATURE_BYTES;
  while (offset + 12 <= content.length) {
    const length = view.getUint32(offset);
    const type = String.fromCharCode(...content.subarray(offset + 4, offset + 8));
    const data = content.subarray(offset + 8, offset + 8 + length);
    const end = offset + 8 + length;
    if (end + 4 > content.length) throw inputError("cut-short");
    // a picture's own samples must be whole; other chunks only decorate it
    const critical = type[0]! >= "A" && type[0]! <= "Z";
    if (critical && crc32(content.subarray(offset + 4, end)) !== view.getUint32(end)) {
      throw inputError("damaged-image");
    }
    if (type === "IEND") return chunks;
    const list = chunks.get(type);
    if (list === undefined) chunks.set(type, [data]);
    else list.push(data);
    offset = end + 4;
  }
  throw inputError("cut-short");
}

function readHeader(data: Uint8Array | undefined): Header {
  if (data?.length !== 13) throw inputError("damaged-image");
  const view = viewOf(data);
  const [depth, colour, compression, filter, interlace] = data.subarray(8);
  if (!DEPTHS[colour!]?.includes(depth!) || compression !== 0 || filter !== 0 || interlace! > 1) {
    throw inputError("damaged-image");
  }
  return {
    width: view.getUint32(0),
    height: view.getUint32(4),
    depth: depth!,
    colour: colour!,
    interlaced: interlace === 1,
  };
}

/** Samples [height · width · channels] from filtered scan lines. */
function unfilter(packed: Uint8Array, header: Header, channels: number): Samples {
  const { width, height, depth } = header;
  const count = width * height * channels;
  const samples = depth === 16 ? new Uint16Array(count) : new Uint8Array(count);
  const pixelBytes = Math.max((channels * depth) >> 3, 1);
  let offset = 0;
  for (const [x0, y0, dx, dy] of header.interlaced ? PASSES : [[0, 0, 1, 1] as const]) {
    const columns = Math.ceil((width - x0) / dx);
    const rows = Math.ceil((height - y0) / dy);
    if (columns <= 0 || rows <= 0) continue;
    const lineBytes = Math.ceil((columns * channels * depth) / 8);
    let above: Uint8Array = new Uint8Array(lineBytes);
    for (let row = 0; row < rows; row++) {
      if (offset + 1 + lineBytes > packed.length) throw inputError("cut-short");
      const line = packed.subarray(offset + 1, offset + 1 + lineBytes);
      undoFilter(packed[offset]!, line, above, pixelBytes);
      offset += 1 + lineBytes;
      for (let column = 0; column < columns; column++) {
        const pixel = (y0 + row * dy) * width + x0 + column * dx;
        for (let channel = 0; channel < channels; channel++) {
          samples[pixel * channels + channel] = sampleAt(line, column * channels + channel, depth);
        }
      }
      above = line;
    }
  }
  return samples;
}

function sampleAt(line: Uint8Array, index: number, depth: number): number {
  if (depth === 8) return line[index]!;
  if (depth === 16) return (line[2 * index]! << 8) | line[2 * index + 1]!;
  const bit = index * depth;
  return (line[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

function undoFilter(filter: number, line: Uint8Array, above: Uint8Array, step: number): void {
  if (filter > 4) throw inputError("damaged-image");
  for (let i = 0; i < line.length; i++) {
    const left = i >= step ? line[i - step]! : 0;
    const up = above[i]!;
    const corner = i >= step ? above[i - step]! : 0;
    let predicted = 0;
    if (filter === 1) predicted = left;
    else if (filter === 2) predicted = up;
    else if (filter === 3) predicted = (left + up) >> 1;
    else if (filter === 4) predicted = paeth(left, up, corner);
    line[i] = (line[i]! + predicted) & 0xff;
  }
}

function paeth(left: number, up: number, corner: number): number {
  const guess = left + up - corner;
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

function toPlanes(
  samples: Samples,
  header: Header,
  palette: Uint8Array | undefined,
  transparency: Uint8Array | undefined,
): StoredPlanes {
  const { width, height, depth, colour } = header;
  const count = width * height;
  if (colour === PALETTE) {
    const entries = Math.floor((palette?.length ?? 0) / 3);
    if (samples.some((index) => index >= entries)) throw inputError("damaged-image");
    const alpha = (pixel: number): number => (transparency?.[samples[pixel]!] ?? 255) / 255;
    const colours = [0, 1, 2].map((channel) => {
      const plane = new Uint8Array(count);
      for (let i = 0; i < count; i++) plane[i] = palette![3 * samples[i]! + channel]!;
      return plane;
    });
    const opaque = { width, height, channels: colours, largest: 255 };
    return transparency === undefined ? opaque : seenThrough(opaque, alpha);
  }
  const stride = CHANNELS[colour]!;
  if (colour === 0 && depth === 16) return { width, height, channels: [samples], largest: 65535 };
  // other 16-bit samples are read by their upper eight bits, as the Python client reads them
  const shift = depth === 16 ? 8 : 0;
  const largest = depth < 8 ? 2 ** depth - 1 : 255;
  const planeOf = (channel: number): Uint8Array => {
    const plane = new Uint8Array(count);
    for (let i = 0; i < count; i++) plane[i] = samples[i * stride + channel]! >> shift;
    return plane;
  };
  const colours = colour === 0 || colour === 4 ? 1 : 3;
  const channels = Array.from({ length: colours }, (_, channel) => planeOf(channel));
  const opaque = { width, height, channels, largest };
  if (stride > colours) {
    const alpha = planeOf(colours);
    return seenThrough(opaque, (pixel) => alpha[pixel]! / largest);
  }
  const key = transparency === undefined ? null : transparentKey(transparency, colours, depth);
  if (key === null) return opaque;
  return seenThrough(opaque, (pixel) =>
    key.every((value, c) => samples[pixel * stride + c] === value) ? 0 : 1,
  );
}

/** Planes over black; those of a picture without a hole stay as they are. */
function seenThrough(planes: StoredPlanes, opacity: (pixel: number) => number): StoredPlanes {
  const { width, height, largest } = planes;
  const count = width * height;
  let pixel = 0;
  while (pixel < count && opacity(pixel) === 1) pixel++;
  if (pixel === count) return planes;
  const channels: SampleArray[] = planes.channels.map((plane) =>
    doubles(count, (i) => (plane[i]! / largest) * opacity(i)),
  );
  return { width, height, channels, largest: 1 };
}

function transparentKey(chunk: Uint8Array, colours: number, depth: number): number[] | null {
  if (chunk.length < 2 * colours) return null;
  const view = viewOf(chunk);
  const mask = 2 ** depth - 1;
  return Array.from({ length: colours }, (_, c) => view.getUint16(2 * c) & mask);
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC_TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
