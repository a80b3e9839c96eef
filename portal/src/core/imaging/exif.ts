// EXIF orientation: eight ways to turn a picture upright.

import { viewOf } from "../bytes.ts";
import { type SampleArray, type StoredPlanes } from "./image.ts";

const ORIENTATION = 0x0112;

/** The orientation, 1 to 8, in a TIFF structure; 1 where there is none. */
export function orientationOf(tiff: Uint8Array): number {
  try {
    const view = viewOf(tiff);
    const mark = view.getUint16(0);
    if (mark !== 0x4949 && mark !== 0x4d4d) return 1;
    const little = mark === 0x4949;
    const ifd = view.getUint32(4, little);
    const count = view.getUint16(ifd, little);
    for (let i = 0; i < count; i++) {
      const entry = ifd + 2 + 12 * i;
      if (view.getUint16(entry, little) !== ORIENTATION) continue;
      const value = view.getUint16(entry + 8, little);
      return value >= 1 && value <= 8 ? value : 1;
    }
  } catch {
    return 1; // damaged metadata is no reason to refuse a picture
  }
  return 1;
}

export function turnUpright(planes: StoredPlanes, orientation: number): StoredPlanes {
  if (orientation === 1) return planes;
  const swapped = orientation >= 5;
  const height = swapped ? planes.width : planes.height;
  const width = swapped ? planes.height : planes.width;
  const mirrorX = [2, 3, 7, 8].includes(orientation);
  const mirrorY = [3, 4, 6, 7].includes(orientation);
  const channels = planes.channels.map((plane) => {
    const out: SampleArray = plane.slice();
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const [u, v] = swapped ? [y, x] : [x, y];
        const sourceX = mirrorX ? planes.width - 1 - u : u;
        const sourceY = mirrorY ? planes.height - 1 - v : v;
        out[y * width + x] = plane[sourceY * planes.width + sourceX]!;
      }
    }
    return out;
  });
  return { ...planes, height, width, channels };
}
