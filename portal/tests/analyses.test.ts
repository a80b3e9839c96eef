// Analyses before a service that takes only so many at once, and the worklist that they change.

import { beforeEach, expect, test, vi } from "vitest";

import { Analyses } from "../src/client/analyses.ts";
import { Worklist, type Study } from "../src/client/studies.ts";
import { keyError, serviceError } from "../src/core/errors.ts";

const SERVICE_TAKES = 8;
const MODEL: any = {
  name: "records",
  version: "1",
  parameters: { n: 4096, primes: [97] },
  signature: {
    title: "Records",
    records: 1,
    inputShape: [1],
    inputBound: 10,
    inputNames: [],
    outputs: { activation: "sigmoid", classes: ["a", "b"] },
    preprocessing: { isForRecords: true, seesSquareOnly: false, toJson: () => ({}) },
  },
};

let kept: Map<string, any>;
let session: FakeSession;
let worklist: Worklist;
let analyses: Analyses;

class FakeSession {
  isConnected = true;
  records = 1;
  waiting = new Set<string>();
  most = 0;
  submitted: string[] = [];
  forgotten: string[] = [];
  answers = async (): Promise<void> => undefined;
  imaging = {
    recordInputs: async () => ({ inputs: Array.from({ length: this.records }, () => Float64Array.of(1)) }),
  };
  connect = async (): Promise<void> => undefined;
  ensureKeys = async (): Promise<void> => undefined;
  model = (): unknown => MODEL;

  async submit(): Promise<unknown> {
    if (this.waiting.size >= SERVICE_TAKES) throw serviceError("quota-jobs");
    const job = `job${this.submitted.length}`;
    this.submitted.push(job);
    this.waiting.add(job);
    this.most = Math.max(this.most, this.waiting.size);
    return { job, requestBytes: 1 };
  }

  async answer({ job }: { job: string }, { signal }: { signal?: AbortSignal }): Promise<unknown> {
    await Promise.race([
      this.answers(),
      new Promise((_, reject) => signal!.addEventListener("abort", () => reject(signal!.reason))),
    ]);
    this.waiting.delete(job);
    return { findings: [{ finding: job }], receipt: { job }, timingsMs: { wait: 1 } };
  }

  async forget({ job }: { job: string }): Promise<void> {
    this.forgotten.push(job);
  }
}

const study = (id: string): Study => ({ id, name: id, addedAt: id, kind: "records", summary: null, frame: 0, run: null });
const phase = (): string | undefined => worklist.find("one")?.run?.phase;
const settled = (): Promise<unknown> => vi.waitUntil(() => !analyses.isWorking);
const never = (): Promise<void> => new Promise(() => undefined);

beforeEach(async () => {
  kept = new Map();
  const vault: any = {
    keys: async (prefix: string) => [...kept.keys()].filter((id) => id.startsWith(prefix)),
    getJson: async (id: string) => {
      if (kept.get(id) === "damaged") throw keyError("vault-damaged");
      return kept.get(id) ?? null;
    },
    getBytes: async (id: string) => kept.get(id) ?? null,
    putJson: async (id: string, value: unknown) => void kept.set(id, structuredClone(value)),
    putBytes: async (id: string, value: unknown) => void kept.set(id, value),
    delete: async (id: string) => void kept.delete(id),
  };
  kept.set("study/two", "damaged");
  session = new FakeSession();
  worklist = await Worklist.load(vault);
  analyses = new Analyses(session as any, worklist);
  await worklist.add(study("one"), new Uint8Array(1));
});

test("a long table is handed in as far as the service takes it, and answered in order", async () => {
  session.records = 70;
  await analyses.start("one", MODEL);
  await settled();
  expect(phase()).toBe("done");
  expect(session.most).toBe(SERVICE_TAKES);
  const findings = worklist.find("one")!.run!.findings.map((one) => one.finding);
  expect(findings).toEqual(Array.from({ length: 70 }, (_, i) => `job${i}`));
  expect(session.forgotten.length).toBe(70);
});

test("where others use up the quota, the own answers are fetched first", async () => {
  session.records = 20;
  for (const job of ["a", "b", "c", "d", "e"]) session.waiting.add(job);
  await analyses.start("one", MODEL);
  await settled();
  expect(phase()).toBe("done");
  expect(session.submitted.length).toBe(20);
});

test("an interrupted table goes on with the requests that were accepted", async () => {
  session.records = 12;
  session.answers = async () => Promise.reject(serviceError("unreachable"));
  await analyses.start("one", MODEL);
  await settled();
  expect(phase()).toBe("failed");
  const { length } = session.submitted;
  session.answers = async () => undefined;
  await analyses.retry("one");
  await settled();
  expect([phase(), session.submitted.length]).toEqual(["done", 12]);
  expect(length).toBe(8);
});

test("what is given up is forgotten at the service", async () => {
  session.answers = async () => Promise.reject(serviceError("job-failed"));
  await analyses.start("one", MODEL);
  await settled();
  session.answers = async () => undefined;
  await analyses.retry("one");
  await settled();
  expect(session.forgotten).toEqual(["job0", "job1"]);
});

test("an analysis is stopped, at the service too, and begun again", async () => {
  session.answers = never;
  await analyses.start("one", MODEL);
  await vi.waitUntil(() => session.submitted.length === 1);
  expect(analyses.isQueued("one")).toBe(true);
  await analyses.stop("one");
  expect(session.forgotten).toEqual(["job0"]);
  session.answers = async () => undefined;
  await analyses.retry("one"); // at once, while the one before still ends
  await settled();
  expect([phase(), session.submitted.length]).toEqual(["done", 2]);
});

test("a run that is merely recorded as open is not work", async () => {
  await worklist.update("one", { run: { phase: "evaluating", tickets: [] } as any });
  expect([analyses.isWorking, analyses.isQueued("one")]).toEqual([false, false]);
  await analyses.stop("one");
  expect(phase()).toBe("failed");
});

test("a damaged study is left out and can be deleted; the others stay", async () => {
  expect(worklist.studies.map((one) => one.id)).toEqual(["one"]);
  expect(worklist.damaged).toEqual(["two"]);
  await worklist.removeDamaged();
  expect(worklist.damaged).toEqual([]);
  expect(kept.has("study/two")).toBe(false);
});
