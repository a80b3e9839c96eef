// What a person gets: a finding with coarse probabilities (docs/adr/0011-coarse-answers.md).

import { type Heatmap } from "./heatmap.ts";
import { kindOf, type Kind, type Outputs } from "./outputs.ts";

export interface Finding {
  finding: string;
  positive: string;
  probability: number;
  probabilities: Record<string, number>;
  threshold: number;
  heatmap?: Heatmap;
}

/** What is said where none of several findings reaches the operating point. */
const NO_FINDING = "no finding";

/** Whether an answer speaks of the class that is looked for; null where none of several is. */
export function isPositive(finding: Finding, kind: Kind): boolean | null {
  if (kind === "multiclass") return null;
  if (kind === "multilabel") return finding.finding !== NO_FINDING;
  return finding.finding === finding.positive;
}

/** The kind of an answer, also of one that was kept before its kind was. */
export function kindOfRun(run: { kind?: Kind; findings: readonly Finding[] }): Kind {
  const classes = Object.keys(run.findings[0]?.probabilities ?? {}).length;
  return run.kind ?? (classes > 2 ? "multiclass" : "binary");
}

/** The number that stands beside the answer: of the class it names, or of the most probable one. */
export function leading(finding: Finding, kind: Kind): { name: string; probability: number } {
  if (kind === "binary") return { name: finding.positive, probability: finding.probability };
  const [name, probability] = Object.entries(finding.probabilities).reduce((best, one) =>
    one[1] > best[1] ? one : best,
  );
  return { name, probability };
}

/** Three decimals, half to even as NumPy rounds: exact decrypted floats must not be shared. */
export function coarse(probability: number): number {
  const scaled = probability * 1000;
  const down = Math.floor(scaled);
  const rest = scaled - down;
  const up = rest > 0.5 || (rest === 0.5 && down % 2 === 1);
  return (up ? down + 1 : down) / 1000;
}

/**
 * Two classes: by the operating point on the positive one. One of several: the most probable. Several
 * at once: all that reach the operating point.
 */
function decided(outputs: Outputs, probabilities: readonly number[]): string {
  const { classes, threshold } = outputs;
  const kind = kindOf(outputs);
  if (kind === "multilabel") {
    const found = classes.filter((_, i) => probabilities[i]! >= threshold);
    return found.join(", ") || NO_FINDING;
  }
  if (kind === "binary") {
    const positive = classes.indexOf(outputs.positive);
    return classes[probabilities[positive]! >= threshold ? positive : 1 - positive]!;
  }
  return classes[probabilities.indexOf(Math.max(...probabilities))]!;
}

export function findingOf(outputs: Outputs, probabilities: readonly number[]): Finding {
  const positive = outputs.classes.indexOf(outputs.positive);
  const rounded = probabilities.map(coarse);
  return {
    finding: decided(outputs, probabilities),
    positive: outputs.positive,
    probability: rounded[positive]!,
    probabilities: Object.fromEntries(outputs.classes.map((name, i) => [name, rounded[i]!])),
    threshold: outputs.threshold,
  };
}
