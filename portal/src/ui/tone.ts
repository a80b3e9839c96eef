// The colour of an answer; colour is never the only sign, the words say the same.

export function toneOf(positive: boolean | null): "positive" | "negative" | "neutral" {
  if (positive === null) return "neutral";
  return positive ? "positive" : "negative";
}
