// What the worklist knows of a DICOM file, how it is sorted, and what a search finds.

import { expect, test, vi } from "vitest";

import { reportJson } from "../src/client/report.ts";
import { receiptOf, Worklist, type Study } from "../src/client/studies.ts";
import { identityLine, matches, ordered } from "../src/client/worklist_order.ts";
import { keyError } from "../src/core/errors.ts";
import { identityOf } from "../src/core/imaging/dicom/identity.ts";

const file = (values: Record<string, Uint8Array | string>): any => ({
  valueBytes: (tag: string) => {
    const value = values[tag];
    return value === undefined ? null : typeof value === "string" ? Buffer.from(value) : value;
  },
  texts: (tag: string) =>
    Buffer.from(values[tag] ?? "").toString("latin1").split("\\").map((one) => one.trim()),
});

test.each([
  ["ISO_IR 192", Buffer.from("Żółć^Łukasz"), "Żółć, Łukasz"],
  ["ISO_IR 101", Buffer.from([0xaf, 0xf3, 0xb3, 0xe6, 0x5e, 0xa3, 0x2e]), "Żółć, Ł."],
  ["ISO_IR 100", Buffer.from("M\xfcller^J\xf6rg^^Dr.", "latin1"), "Müller, Jörg Dr."],
  ["\\ISO 2022 IR 87", Buffer.from("Yamada^Tarou=\x1b$B;3ED\x1b(B", "latin1"), "Yamada, Tarou"],
  ["", "Doe^Jane", "Doe, Jane"],
  ["", "^^^", ""],
  ["", "A\u202eB\u0000^C\n", "A B, C"],
  ["", "x".repeat(5000), "x".repeat(64)],
])("patient name in %j", (set, name, shown) => {
  expect(identityOf(file({ x00080005: set, x00100010: name })).patientName).toBe(shown);
});

test("study and series", () => {
  const found = identityOf(
    file({
      x00100020: "4711 ",
      x00080020: "20261121",
      x00081030: "Thorax",
      x0008103e: "Lung 1 mm",
      x0020000e: "1.2.3",
      x00200011: "4",
      x00200013: "12 ",
    }),
  );
  expect(found).toMatchObject({
    patientId: "4711",
    studyDate: "2026-11-21",
    description: "Lung 1 mm",
    seriesUid: "1.2.3",
    seriesNumber: 4,
    instanceNumber: 12,
  });
  expect(identityOf(file({ x00080020: "someday", x00200013: "many", x0020000e: "../x" }))).toEqual({
    patientName: "",
    patientId: "",
    studyDate: "",
    description: "",
    seriesUid: "",
    seriesNumber: null,
    instanceNumber: null,
  });
});

const study = (name: string, seriesUid: string, instanceNumber: number | null): Study => {
  const identity = {
    patientName: "Doe, Jane",
    patientId: "4711",
    studyDate: "2026-11-21",
    description: "Lung",
    seriesUid,
    seriesNumber: 2,
    instanceNumber,
  };
  return { id: name, name, kind: "image", summary: { modality: "CT", identity }, run: null } as any;
};

test("a series stands together, by the numbers of its images", () => {
  const picture = { id: "p", name: "p.png", kind: "image", summary: { modality: "" }, run: null } as any;
  const list = [study("IM9", "1.2", 9), picture, study("IM10", "1.2", 10), study("IM1", "1.2", 1), study("other", "1.3", 1), study("none", "", null)];
  const lines = ordered(list);
  expect(lines.map((line) => line.study.name)).toEqual(["IM1", "IM9", "IM10", "p.png", "other", "none"]);
  expect(lines.map((line) => line.heading)).toEqual([
    { description: "CT · 2 · Lung", count: 3 }, null, null, null, null, null,
  ]);
  expect(identityLine(picture)).toBe("");
});

test("a search finds patient, number, date, modality and description", () => {
  for (const words of ["doe", "jane 4711", "2026-11", "ct lung", "IM1", ""]) {
    expect(matches(study("IM1", "1.2", 1), words)).toBe(true);
  }
  expect(matches(study("IM1", "1.2", 1), "doe mri")).toBe(false);
});

test("a report does not say whose image it is; each record has the receipt of its ciphertext", () => {
  const receipts = [
    { job: "a", records: 2 },
    { job: "b", records: 1 },
  ];
  const run: any = { findings: [{}, {}, {}].map(() => ({ probabilities: {} })), receipts, frame: 0 };
  const text = reportJson(study("IM1", "1.2", 1), run);
  expect(JSON.parse(text).image.modality).toBe("CT");
  for (const word of ["Doe", "4711", "1.2", "identity"]) expect(text).not.toContain(word);
  expect([0, 1, 2, 3].map((record) => receiptOf(run, record)?.job)).toEqual(["a", "a", "b", undefined]);
});

/** A vault whose writes land one after another, each after a moment. */
const slowVault = (): any => {
  const kept = new Map<string, unknown>();
  let last: Promise<unknown> = Promise.resolve();
  const later = (write: () => unknown): Promise<unknown> =>
    (last = last.then(() => new Promise((resolve) => setTimeout(() => resolve(write()), 5))));
  return {
    kept,
    keys: async (prefix: string) => [...kept.keys()].filter((key) => key.startsWith(prefix)),
    getJson: async (id: string) => kept.get(id) ?? null,
    putBytes: (id: string, bytes: Uint8Array) => later(() => kept.set(id, bytes)),
    putJson: (id: string, value: unknown) => later(() => kept.set(id, structuredClone(value))),
    delete: (id: string) => later(() => kept.delete(id)),
  };
};

test("a study that is deleted right after a step through its frames stays deleted", async () => {
  vi.useFakeTimers();
  const vault = slowVault();
  const list = await Worklist.load(vault);
  const added = list.add({ ...study("IM1", "1.2", 1), addedAt: "2026" }, new Uint8Array(1));
  await vi.runAllTimersAsync();
  await added;
  list.showFrame("IM1", 3);
  await vi.advanceTimersByTimeAsync(496);
  const removed = list.remove("IM1");
  await vi.runAllTimersAsync();
  await removed;
  expect([...vault.kept.keys()]).toEqual([]);
  vi.useRealTimers();
});

test("what cannot be read for a moment is not offered for deletion", async () => {
  const vault = slowVault();
  const list = await Worklist.load(vault);
  await list.add({ ...study("IM1", "1.2", 1), addedAt: "2026" }, new Uint8Array(1));
  const failing = { ...vault, getJson: () => Promise.reject(new DOMException("busy", "UnknownError")) };
  await expect(Worklist.load(failing)).rejects.toThrow("busy");
  const damaged = { ...vault, getJson: () => Promise.reject(keyError("vault-damaged")) };
  expect((await Worklist.load(damaged)).damaged).toEqual(["IM1"]);
});
