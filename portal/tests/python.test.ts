// What the Python client computes, repeated: portal/vectors/python.json.

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { sha256, toHex } from "../src/core/bytes.ts";
import { PortalError } from "../src/core/errors.ts";
import { brightnessOf } from "../src/core/imaging/image.ts";
import { loadPng } from "../src/core/imaging/png.ts";
import { Preprocessing } from "../src/core/imaging/preprocessing.ts";
import { readRecords } from "../src/core/imaging/records.ts";
import { coarse, findingOf } from "../src/core/model/finding.ts";
import { heatmapOf } from "../src/core/model/heatmap.ts";
import { logitsOf, probabilities } from "../src/core/model/outputs.ts";
import { pack, readSignature, unpackNumbers } from "../src/core/model/signature.ts";

const file = new URL("../vectors/python.json", import.meta.url);
const vectors = JSON.parse(readFileSync(file, "utf8"));

async function digest(values: Float64Array): Promise<string> {
  return toHex(await sha256(new Uint8Array(values.buffer as ArrayBuffer)));
}

function image(channels: number, height: number, width: number): Float64Array[] {
  return Array.from({ length: channels }, (_, c) =>
    Float64Array.from({ length: height * width }, (_, i) =>
      Number((BigInt(i) * 2654435761n + BigInt(40503 * c)) % 4096n) / 4095,
    ),
  );
}

test.each(vectors.preprocessing as any[])(
  "preprocessing of $channels × $height × $width, bit for bit",
  async ({ channels, height, width, preprocessing, first, sha256: expected }) => {
    const planes = { height, width, channels: image(channels, height, width) };
    const steps = Preprocessing.fromJson(preprocessing);
    const out = steps.applyToImage({ ...planes, valueScale: "display" });
    expect([...out.subarray(0, 4)]).toEqual(first);
    expect(await digest(out)).toBe(expected);
  },
);

test.each(vectors.png as any[])("PNG of mode $mode, bit for bit", async (vector) => {
  const bytes = Uint8Array.from(atob(vector.file), (character) => character.charCodeAt(0));
  const { height, width, channels } = brightnessOf(await loadPng(bytes));
  expect([channels.length, height, width]).toEqual(vector.shape);
  const out = new Float64Array(channels.length * height * width);
  channels.forEach((plane, c) => out.set(plane, c * height * width));
  expect(await digest(out)).toBe(vector.sha256);
});

test.each(vectors.tables as any[])("table $text", ({ text, names, features, refused }) => {
  const read = (): number[][] =>
    readRecords(new TextEncoder().encode(text), 3, names).map((row) => [...row]);
  if (refused) expect(read).toThrow(PortalError);
  else expect(read()).toEqual(features);
});

test.each(vectors.findings as any[])("finding $finding", async (vector) => {
  const { outputs } = await readSignature(vector.signature);
  const found = probabilities(outputs, logitsOf(outputs, vector.numbers));
  found.forEach((value, i) => expect(value).toBeCloseTo(vector.probabilities[i], 12));
  expect(found.map(coarse)).toEqual(vector.rounded);
  expect(findingOf(outputs, found).finding).toBe(vector.finding);
  const heatmap = heatmapOf(outputs, vector.numbers, found);
  if (vector.heatmap === undefined) {
    expect(heatmap).toBeNull();
  } else {
    expect(heatmap?.finding).toBe(vector.heatmap.finding);
    expect(heatmap?.levels).toEqual(vector.heatmap.levels);
    expect(heatmap?.fullScale).toBe(vector.heatmap.full_scale);
  }
});

test("inputs in their slots", async () => {
  const { signature: document, inputs, slots } = vectors.packing;
  const signature = await readSignature(document);
  const packed = pack(signature, inputs.map((values: number[]) => Float64Array.from(values)));
  const filled = [...packed.entries()].filter(([, value]) => value !== 0);
  expect(Object.fromEntries(filled)).toEqual(slots);
  expect(unpackNumbers(signature, packed, 2)[1]).toEqual([packed[7 + 64]]);
});

test("a signature from a stranger", async () => {
  const { signature: good } = vectors.packing;
  const bad = [
    { ...good, input_slots: [[2047, 1, 0, 1, 4]] },
    { ...good, output_slots: [5000] },
    { ...good, parameters: { ...good.parameters, primes: [16736257, 16760833, 16760834] } },
    { ...good, title: "line\nbreak" },
    { ...good, preprocessing: { version: 1, steps: [{ step: "sharpen" }] } },
    { ...good, outputs: { ...good.outputs, activation: "__proto__" } },
    null,
  ];
  for (const document of bad) await expect(readSignature(document)).rejects.toThrow(PortalError);
});
