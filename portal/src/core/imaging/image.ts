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
