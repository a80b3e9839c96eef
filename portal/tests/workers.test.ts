// Workers that die, hang, or have no memory for their answer.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { fill, texts } from "../src/texts.ts";
import { ReplaceableWorker } from "../src/workers/replaceable.ts";
import { connect, serve } from "../src/workers/rpc.ts";

interface Methods {
  double(value: number): number;
  hang(): void;
  take(bytes: Uint8Array): number;
}

/** Answers as a worker does; `hang` it never answers. */
class Simulated {
  static started = 0;
  onmessage: ((event: unknown) => void) | null = null;
  onerror: (() => void) | null = null;
  onmessageerror: (() => void) | null = null;
  ended = false;
  moved: Transferable[] = [];

  constructor() {
    Simulated.started++;
  }

  postMessage({ id, method, args }: { id: number; method: string; args: any[] }, moved: Transferable[]) {
    this.moved.push(...moved);
    if (method === "hang") return;
    const value = method === "take" ? args[0].length : 2 * args[0];
    queueMicrotask(() => this.ended || this.onmessage!({ data: { id, value } }));
  }

  terminate(): void {
    this.ended = true;
  }
}
const asWorker = (simulated: Simulated): Worker => simulated as unknown as Worker;

beforeEach(() => {
  vi.useFakeTimers();
  Simulated.started = 0;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a dead worker is not waited for", async () => {
  const worker = new Simulated();
  const remote = connect<Methods>(asWorker(worker));
  expect(await remote.double(2)).toBe(4);
  const waiting = remote.hang();
  worker.onerror!();
  await expect(waiting).rejects.toMatchObject({ code: "worker-failed" });
  await expect(remote.double(2)).rejects.toMatchObject({ code: "worker-failed" });
});

test("only what may move does", async () => {
  const worker = new Simulated();
  const bytes = new Uint8Array(8);
  await connect<Methods>(asWorker(worker)).take(bytes);
  expect(worker.moved).toEqual([]);
  await connect<Methods>(asWorker(worker), ["take"]).take(bytes);
  expect(worker.moved).toEqual([bytes.buffer]);
});

test("a call that takes too long ends the worker, and those behind it go on", async () => {
  const workers: Simulated[] = [];
  const imaging = new ReplaceableWorker<Methods>(() => {
    workers.push(new Simulated());
    return asWorker(workers.at(-1)!);
  });
  const hung = imaging.remote.hang();
  const behind = imaging.remote.double(21);
  const refused = expect(hung).rejects.toMatchObject({ code: "takes-too-long", values: { seconds: 30 } });
  await vi.advanceTimersByTimeAsync(29_000);
  expect(workers.map((worker) => worker.ended)).toEqual([false]);
  await vi.advanceTimersByTimeAsync(1_000);
  await refused;
  expect(await behind).toBe(42);
  expect(workers.map((worker) => worker.ended)).toEqual([true, false]);
  // the time of those that wait does not count
  expect(vi.getTimerCount()).toBe(0);
});

test("one that died is replaced, and one that was stopped is not", async () => {
  const workers: Simulated[] = [];
  const imaging = new ReplaceableWorker<Methods>(() => {
    workers.push(new Simulated());
    return asWorker(workers.at(-1)!);
  });
  const waiting = imaging.remote.hang();
  await vi.advanceTimersByTimeAsync(0);
  workers[0]!.onerror!();
  await expect(waiting).rejects.toMatchObject({ code: "worker-failed" });
  expect(await imaging.remote.double(1)).toBe(2);
  imaging.stop();
  await expect(imaging.remote.double(1)).rejects.toMatchObject({ code: "worker-failed" });
  expect(Simulated.started).toBe(2);
});

test("an answer that cannot be sent is an error, not silence", async () => {
  const sent: any[] = [];
  const scope = {
    onmessage: null as unknown as (event: unknown) => Promise<void>,
    postMessage: (reply: object) => {
      if ("value" in reply) throw new RangeError("Array buffer allocation failed");
      sent.push(reply);
    },
  };
  vi.stubGlobal("self", scope);
  serve({ double: (value: number) => 2 * value } as never);
  await scope.onmessage({ data: { id: 7, method: "double", args: [1] } });
  expect(sent).toEqual([
    { id: 7, error: { family: "browser", code: "unexpected", values: { kind: "RangeError" } } },
  ]);
});

test("the sentence says how long", () => {
  const text = texts.errors["input/takes-too-long"]!;
  expect(fill(text, { seconds: 30 })).toContain("30 seconds");
});
