// One image as the models take it: planes of doubles, and the scale that its values are on.

export type ValueScale = "display" | "hounsfield";

/** [C][H · W], row by row; C is 1 (grey) or 3 (red, green, blue). */
export interface Planes {
  height: number;
  width: number;
  channels: Float64Array[];
}

export interface LoadedImage extends Planes {
  valueScale: ValueScale;
}

/** Samples in no more room than their bits need: a tab does not have memory for doubles of them all. */
export type SampleArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** Planes as a file stores them; a sample divided by `largest` is its brightness. */
export interface StoredPlanes {
  height: number;
  width: number;
  channels: SampleArray[];
  largest: number;
}

/** Doubles of what is computed for each of `count` places. */
export function doubles(count: number, at: (index: number) => number): Float64Array {
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) out[i] = at(i);
  return out;
}

/** Brightness from 0 to 1. */
export function brightnessOf({ height, width, channels, largest }: StoredPlanes): Planes {
  const planes = channels.map((plane) => doubles(plane.length, (i) => plane[i]! / largest));
  return { height, width, channels: planes };
}
