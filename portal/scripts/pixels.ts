// Compares pixels with the Python client's: node scripts/pixels.ts MANIFEST, where the manifest lists
// {"path", "expected"} with a file of doubles, or null where Python refuses the file. With "preprocessing"
// the doubles are a model's input, else brightness. Prints a JSON line for each: the largest difference, or
// the refusal's code.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

import { PortalError } from "../src/core/errors.ts";
import { setWasmSource } from "../src/core/imaging/codecs.ts";
import { openImage } from "../src/core/imaging/load.ts";
import { Preprocessing } from "../src/core/imaging/preprocessing.ts";

const require = createRequire(import.meta.url);
const WASM = {
  jpeg: "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm",
  "jpeg-ls": "@cornerstonejs/codec-charls/decodewasm",
  "jpeg-2000": "@cornerstonejs/codec-openjpeg/decodewasm",
};
setWasmSource(async (codec) => {
  const bytes = await readFile(require.resolve(WASM[codec]));
  return Uint8Array.from(bytes).buffer;
});

interface Entry {
  path: string;
  expected: string | null;
  preprocessing?: unknown;
}

const entries = JSON.parse(await readFile(process.argv[2]!, "utf8")) as Entry[];
for (const { path, expected, preprocessing } of entries) {
  const line: Record<string, unknown> = { path };
  try {
    const image = await openImage(new Uint8Array(await readFile(path)));
    const pixels = await image.pixels(image.summary.defaultFrame, "display");
    const { height, width, channels } = pixels;
    await image.frame(image.summary.defaultFrame);
    line.shape = [channels.length, height, width];
    line.detail = image.summary.detail;
    if (expected !== null) {
      const bytes = await readFile(expected);
      const wanted = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8);
      const found =
        preprocessing === undefined
          ? channels
          : [Preprocessing.fromJson(preprocessing).applyToImage({ ...pixels, valueScale: "display" })];
      const length = found.reduce((sum, plane) => sum + plane.length, 0);
      line.difference = wanted.length === length ? largestDifference(found, wanted) : null;
    }
  } catch (error) {
    if (!(error instanceof PortalError)) throw error;
    line.refused = `${error.family}/${error.code}`;
  }
  console.log(JSON.stringify(line));
}

/** Planes [C][H · W] against doubles [C, H, W]. */
function largestDifference(channels: Float64Array[], wanted: Float64Array): number {
  let largest = 0;
  channels.forEach((plane, channel) => {
    for (let i = 0; i < plane.length; i++) {
      const difference = Math.abs(plane[i]! - wanted[channel * plane.length + i]!);
      if (!(difference <= largest)) largest = difference;
    }
  });
  return largest;
}
