// What a person gets: a finding with coarse probabilities (docs/adr/0011-coarse-answers.md).

import { type Outputs } from "./signature.ts";

export interface Finding {
  finding: string;
  positive: string;
  probability: number;
  probabilities: Record<string, number>;
  threshold: number;
}

/** Three decimals, half to even as NumPy rounds: exact decrypted floats must not be shared. */
export function coarse(probability: number): number {
  const scaled = probability * 1000;
  const down = Math.floor(scaled);
  const rest = scaled - down;
  const up = rest > 0.5 || (rest === 0.5 && down % 2 === 1);
  return (up ? down + 1 : down) / 1000;
}

/** Two classes: by the operating point on the positive one. More: the most probable. */
export function findingOf(outputs: Outputs, probabilities: readonly number[]): Finding {
  const positive = outputs.classes.indexOf(outputs.positive);
  const decided =
    outputs.classes.length === 2
      ? probabilities[positive]! >= outputs.threshold
        ? positive
        : 1 - positive
      : probabilities.indexOf(Math.max(...probabilities));
  const rounded = probabilities.map(coarse);
  return {
    finding: outputs.classes[decided]!,
    positive: outputs.positive,
    probability: rounded[positive]!,
    probabilities: Object.fromEntries(outputs.classes.map((name, i) => [name, rounded[i]!])),
    threshold: outputs.threshold,
  };
}
