// What decrypted numbers mean (safelight.circuit.outputs): classes, activation, operating point, and
// class-activation maps, which come as shares of their average.

export interface Outputs {
  classes: string[];
  activation: "sigmoid" | "softmax" | "sigmoid_each";
  positive: string;
  threshold: number;
  temperature: number;
  /** Height and width of the map that comes in place of each logit; empty where logits come. */
  mapShape: number[];
}

const MAX_MAP_SIDE = 256;
const LEAST_CLASSES: Readonly<Record<string, number>> = { sigmoid: 2, softmax: 2, sigmoid_each: 1 };

export type Kind = "binary" | "multiclass" | "multilabel";

export function kindOf(outputs: Outputs): Kind {
  if (outputs.activation === "sigmoid_each") return "multilabel";
  return outputs.classes.length === 2 ? "binary" : "multiclass";
}

const logitCount = (outputs: Outputs): number =>
  outputs.activation === "sigmoid" ? 1 : outputs.classes.length;

const placesOf = (outputs: Outputs): number =>
  outputs.mapShape.reduce((product, side) => product * side, 1);

/** How many numbers of one record come back. */
export const numbersOf = (outputs: Outputs): number => logitCount(outputs) * placesOf(outputs);

/** Whether the fields fit together and are in range; they may come from a stranger. */
export function areSound(outputs: Outputs): boolean {
  const { classes, activation, mapShape } = outputs;
  const least = Object.hasOwn(LEAST_CLASSES, activation) ? LEAST_CLASSES[activation]! : Infinity;
  return (
    classes.length >= least &&
    new Set(classes).size === classes.length &&
    (activation !== "sigmoid" || classes.length === 2) &&
    classes.includes(outputs.positive) &&
    outputs.threshold > 0 &&
    outputs.threshold < 1 &&
    outputs.temperature > 1e-6 &&
    outputs.temperature < 1e6 &&
    [0, 2].includes(mapShape.length) &&
    mapShape.every((side) => side > 0 && side <= MAX_MAP_SIDE)
  );
}

/** One map for each logit, row by row; without a map shape each is one number. */
export function mapsOf(outputs: Outputs, numbers: readonly number[]): number[][] {
  const places = placesOf(outputs);
  return Array.from({ length: logitCount(outputs) }, (_, logit) =>
    numbers.slice(logit * places, (logit + 1) * places).map((share) => places * share),
  );
}

/** The average of each map. */
export function logitsOf(outputs: Outputs, numbers: readonly number[]): number[] {
  return mapsOf(outputs, numbers).map(
    (map) => map.reduce((sum, value) => sum + value, 0) / map.length,
  );
}

/** Probability of each class, in the order of `classes`. */
export function probabilities(outputs: Outputs, logits: readonly number[]): number[] {
  const scaled = logits.map((logit) =>
    Math.min(Math.max(logit / outputs.temperature, -500), 500),
  );
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  if (outputs.activation === "sigmoid") {
    const positive = sigmoid(scaled[0]!);
    return outputs.classes[0] === outputs.positive
      ? [positive, 1 - positive]
      : [1 - positive, positive];
  }
  if (outputs.activation === "sigmoid_each") return scaled.map(sigmoid);
  const largest = Math.max(...scaled);
  const exponents = scaled.map((logit) => Math.exp(logit - largest));
  const total = exponents.reduce((sum, value) => sum + value, 0);
  return exponents.map((value) => value / total);
}
