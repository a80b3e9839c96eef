// What stands between the page and the service, and between the page and whoever passes by.

import { afterEach, expect, test, vi } from "vitest";

import { watchIdle } from "../src/client/idle.ts";
import { isPositive, kindOfRun, leading, type Finding } from "../src/core/model/finding.ts";
import { modelList } from "../src/core/service/answers.ts";
import { Exchange, refusal } from "../src/core/service/exchange.ts";
import { sentence, texts } from "../src/texts.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const body = (code: string): Uint8Array => new TextEncoder().encode(JSON.stringify({ code }));

test.each([
  [404, "unknown-model", "does not offer this model"],
  [422, "level-not-served", "on ciphertext any more"],
  [429, "quota-key-bytes", "no more room for your keys"],
  [429, "quota-jobs", "Too many analyses"],
  [507, "storage-full", "disk is full"],
  [503, "audit-unavailable", "cannot record"],
  [500, "internal", "status 500"],
  [418, "<img src=x>", "(unknown)"],
])("refusal %i %s is a sentence", (status, code, words) => {
  expect(sentence(refusal(status, body(code)))).toContain(words);
  expect(sentence(refusal(status, body(code)))).not.toContain("<");
});

test("a compressed answer is read only as far as it may go", async () => {
  const bomb = new Uint8Array(5 * 2 ** 20);
  const headers = { "Content-Encoding": "gzip", "Content-Length": "100" };
  vi.stubGlobal("fetch", async () => new Response(bomb, { headers }));
  const asked = new Exchange("", "sl_0123456789abcdef").json("GET", "/v1/models");
  await expect(asked).rejects.toMatchObject({ code: "answer-too-long" });
});

test("models that are not served on ciphertext are set apart", () => {
  const models = [
    { name: "a", levels: ["homomorphic"] },
    { name: "b", levels: ["envelope"] },
    { name: "c" },
  ];
  expect(modelList({ models }).map((one) => one.onCiphertext)).toEqual([true, false, true]);
});

const finding = (found: string, probabilities: Record<string, number>): Finding => {
  const [positive] = Object.keys(probabilities).slice(-1);
  const probability = probabilities[positive!]!;
  return { finding: found, positive: positive!, probability, probabilities, threshold: 0.5 };
};

test("what an answer is coloured by, and the number beside it", () => {
  const two = finding("normal", { normal: 0.9, pneumonia: 0.1 });
  expect(isPositive(two, "binary")).toBe(false);
  expect(leading(two, "binary")).toEqual({ name: "pneumonia", probability: 0.1 });
  const grades = finding("grade 1", { "grade 0": 0.2, "grade 1": 0.7, "grade 2": 0.1 });
  expect(kindOfRun({ findings: [grades] })).toBe("multiclass");
  expect(isPositive(grades, "multiclass")).toBeNull();
  expect(leading(grades, "multiclass")).toEqual({ name: "grade 1", probability: 0.7 });
  const labels = finding("effusion", { effusion: 0.8, mass: 0.2, nodule: 0.1 });
  expect(isPositive(labels, "multilabel")).toBe(true);
  expect(isPositive({ ...labels, finding: "no finding" }, "multilabel")).toBe(false);
});

test("an unused page is locked, one that works is not", () => {
  vi.useFakeTimers();
  const touched = new Map<string, () => void>();
  vi.stubGlobal("addEventListener", (name: string, act: () => void) => touched.set(name, act));
  vi.stubGlobal("removeEventListener", (name: string) => touched.delete(name));
  const onIdle = vi.fn();
  let busy = true;
  const end = watchIdle(() => busy, onIdle, 60_000, 1000);
  vi.advanceTimersByTime(120_000);
  expect(onIdle).not.toHaveBeenCalled();
  busy = false;
  vi.advanceTimersByTime(50_000);
  touched.get("keydown")!();
  vi.advanceTimersByTime(50_000);
  expect(onIdle).not.toHaveBeenCalled();
  vi.advanceTimersByTime(12_000);
  expect(onIdle).toHaveBeenCalled();
  end();
  expect(touched.size).toBe(0);
});

test("no sentence says nothing", () => {
  for (const [code, text] of Object.entries(texts.errors)) {
    expect(code).toMatch(/^(input|key|wire|service|browser)\/[a-z0-9-]+$/);
    expect(text.endsWith(".")).toBe(true);
  }
});
