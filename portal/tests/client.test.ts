// What stands between the page and the service, and between the page and whoever passes by.

import { readFileSync } from "node:fs";

import { afterEach, expect, test, vi } from "vitest";

import { Database } from "../src/client/database.ts";
import { watchIdle } from "../src/client/idle.ts";
import { Worklist, type Study } from "../src/client/studies.ts";
import { Vault, askToPersist } from "../src/client/vault.ts";
import { isPositive, kindOfRun, leading, type Finding } from "../src/core/model/finding.ts";
import { modelList } from "../src/core/service/answers.ts";
import { Api } from "../src/core/service/api.ts";
import { Exchange, refusal } from "../src/core/service/exchange.ts";
import { sentence, texts } from "../src/texts.ts";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
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

const TOKEN = "sl_0123456789abcdef";

/** A connection that is taken, and on which nothing comes but `first`; it ends as the signal says. */
function silent(first?: string): (url: string, init: RequestInit) => Promise<Response> {
  return (_, { signal }) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        if (first !== undefined) controller.enqueue(new TextEncoder().encode(first));
        signal!.addEventListener("abort", () => controller.error(signal!.reason));
      },
    });
    if (first !== undefined) return Promise.resolve(new Response(body));
    return new Promise((_resolve, reject) => {
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  };
}

test.each([
  ["no answer", undefined],
  ["half an answer", '{"models": ['],
])("a service that says nothing more after %s is unreachable", async (_, first) => {
  vi.useFakeTimers();
  const fetched = vi.fn(silent(first));
  vi.stubGlobal("fetch", fetched);
  const asked = new Api("", TOKEN).models();
  const refused = expect(asked).rejects.toMatchObject({ code: "unreachable" });
  await vi.advanceTimersByTimeAsync(31_000);
  await refused;
  expect(fetched).toHaveBeenCalledTimes(1);
});

const JOB = { id: "j1", code: null, progress: 0, timings_ms: { queued: null, evaluate: null } };
const job = (status: string): string => JSON.stringify({ ...JOB, status });

test("a stream of events that falls silent is left, and the service asked", async () => {
  vi.useFakeTimers();
  const event = `event: progress\ndata: ${job("running")}\n\n`;
  vi.stubGlobal("fetch", (url: string, init: RequestInit) =>
    url.endsWith("/events") ? silent(event)(url, init) : Promise.resolve(new Response(job("done"))),
  );
  const onSilence = vi.fn();
  const waiting = new Api("", TOKEN).wait("j1", { onSilence });
  await vi.advanceTimersByTimeAsync(31_000);
  expect((await waiting).status).toBe("done");
  expect(onSilence).toHaveBeenCalledTimes(1);
});

test("a restart is awaited however long the evaluation took before it", async () => {
  vi.useFakeTimers();
  let up = true;
  vi.stubGlobal("fetch", async (url: string, { signal }: RequestInit) => {
    if (!up) throw new TypeError("refused");
    if (!url.endsWith("/events")) return new Response(job("done"));
    let timer: ReturnType<typeof setInterval>;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        timer = setInterval(() => {
          if (up) return controller.enqueue(new TextEncoder().encode(": keep-alive\n\n"));
          clearInterval(timer);
          controller.error(new TypeError("gone"));
        }, 10_000);
        signal!.addEventListener("abort", () => clearInterval(timer));
      },
    });
    return new Response(body);
  });
  const waiting = new Api("", TOKEN).wait("j1");
  await vi.advanceTimersByTimeAsync(600_000);
  up = false;
  await vi.advanceTimersByTimeAsync(30_000);
  up = true;
  await vi.advanceTimersByTimeAsync(30_000);
  expect((await waiting).status).toBe("done");
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
  const end = watchIdle(() => busy, onIdle, 60_000, 240_000, 1000);
  vi.advanceTimersByTime(120_000);
  expect(onIdle).not.toHaveBeenCalled();
  busy = false;
  vi.advanceTimersByTime(50_000);
  touched.get("keydown")!();
  vi.advanceTimersByTime(50_000);
  expect(onIdle).not.toHaveBeenCalled();
  vi.advanceTimersByTime(12_000);
  expect(onIdle).toHaveBeenCalled();
  onIdle.mockClear();
  busy = true; // but not for ever: a service may never end a job
  touched.get("keydown")!();
  vi.advanceTimersByTime(239_000);
  expect(onIdle).not.toHaveBeenCalled();
  vi.advanceTimersByTime(3000);
  expect(onIdle).toHaveBeenCalled();
  end();
  expect(touched.size).toBe(0);
});

const says = (answer: boolean) => (): Promise<boolean> => Promise.resolve(answer);
test("what is kept is what was asked for last, however long sealing took", async () => {
  const items = new Map<string, unknown>();
  const database = {
    get: async () => undefined,
    put: async (_: string, id: string, value: unknown) => void items.set(id, value),
    delete: async (_: string, id: string) => void items.delete(id),
  };
  vi.spyOn(Database, "open").mockResolvedValue(database as unknown as Database);
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const vault = await Vault.create("a long passphrase", async () => key);
  database.get = (async (_: string, id: string) => items.get(id)) as never;
  const encrypt = crypto.subtle.encrypt.bind(crypto.subtle);
  const slowly = vi.spyOn(crypto.subtle, "encrypt").mockImplementationOnce(async (...call) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return encrypt(...call);
  });
  const written = [vault.putJson("study/one", "before"), vault.putJson("study/one", "after")];
  await Promise.all(written);
  expect(await vault.getJson("study/one")).toBe("after");
  slowly.mockImplementationOnce(async (...call) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return encrypt(...call);
  });
  await Promise.all([vault.putJson("study/one", "late"), vault.delete("study/one")]);
  expect(await vault.getJson("study/one")).toBeNull();
});

test.each([
  [{ persisted: says(true) }, true],
  [{ persisted: says(false), persist: says(true) }, true],
  [{ persisted: says(false), persist: says(false) }, false],
  [{}, false],
  [undefined, false],
])("whether the browser promises to keep the keys %#", async (storage, promised) => {
  vi.stubGlobal("navigator", { storage });
  expect(await askToPersist()).toBe(promised);
});

test("no sentence says nothing", () => {
  for (const [code, text] of Object.entries(texts.errors)) {
    expect(code).toMatch(/^(input|key|wire|service|browser)\/[a-z0-9-]+$/);
    expect(text.endsWith(".")).toBe(true);
  }
});

test("a browser that cannot run the page is told which can", () => {
  const page = readFileSync(new URL("../index.html", import.meta.url), "utf8").replace(/\s+/g, " ");
  const [versions] = /Chrome or Edge.*later version/.exec(texts.start.unsupported)!;
  expect(page).toContain(versions);
});

test("the frame on the screen is kept once, when nobody moves on", async () => {
  vi.useFakeTimers();
  const kept: number[] = [];
  const vault = {
    keys: async () => ["study/a"],
    getJson: async () => ({ id: "a", name: "a", addedAt: "", frame: 0, run: null }),
    putJson: async (_: string, study: Study) => void kept.push(study.frame),
  };
  const worklist = await Worklist.load(vault as unknown as Vault);
  for (const frame of [1, 2, 3]) worklist.showFrame("a", frame);
  expect([worklist.find("a")!.frame, ...kept]).toEqual([3]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(kept).toEqual([3]);
});
