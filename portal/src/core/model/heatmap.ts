// The class-activation map of a finding, coarse as safelight.client.heatmap makes it: evidence in
// log-odds, eight levels on each side of zero.

import { kindOf, mapsOf, type Outputs } from "./outputs.ts";

export const STEPS = 8;
/** Log-odds; a map fainter than this stays faint, so that noise does not look like evidence. */
const LEAST_FULL_SCALE = 4;

export interface Heatmap {
  finding: string;
  height: number;
  width: number;
  /** From −STEPS (against) to STEPS (for), row by row. */
  levels: number[];
  fullScale: number;
}

/** The map of the class that the finding speaks of; null where the model gives none. */
export function heatmapOf(
  outputs: Outputs,
  numbers: readonly number[],
  probabilities: readonly number[],
): Heatmap | null {
  const [height, width] = outputs.mapShape;
  if (height === undefined || width === undefined) return null;
  const maps = mapsOf(outputs, numbers);
  const chosen =
    kindOf(outputs) === "binary"
      ? outputs.classes.indexOf(outputs.positive)
      : probabilities.indexOf(Math.max(...probabilities));
  let evidence: number[];
  if (outputs.activation === "softmax") {
    const others = maps.filter((_, index) => index !== chosen);
    evidence = maps[chosen]!.map(
      (value, i) => value - others.reduce((sum, map) => sum + map[i]!, 0) / others.length,
    );
  } else {
    evidence = maps[outputs.activation === "sigmoid" ? 0 : chosen]!;
  }
  const odds = evidence.map((value) => value / outputs.temperature);
  const largest = Math.max(...odds.map(Math.abs), LEAST_FULL_SCALE);
  const fullScale = Number(largest.toPrecision(2));
  const levels = odds.map((value) => {
    const level = Math.round((value / fullScale) * STEPS);
    return Math.min(Math.max(level, -STEPS), STEPS) + 0; // no negative zero
  });
  return { finding: outputs.classes[chosen]!, height, width, levels, fullScale };
}
