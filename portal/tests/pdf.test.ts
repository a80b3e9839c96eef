// The report for people: nothing below the page, no two names alike, grey pictures grey.

import { inflateSync } from "node:zlib";

import { afterEach, expect, test, vi } from "vitest";

import { reportPdf } from "../src/client/report.ts";

afterEach(() => vi.unstubAllGlobals());

const digest = "a".repeat(64);
const receipt = {
  job: "j", serviceKey: digest, requestDigest: digest, modelDigest: digest, programDigest: digest,
  parametersDigest: digest, keysDigest: digest, resultDigest: digest, serviceTime: 1, level: "homomorphic",
};
const classes = Array.from({ length: 14 }, (_, i) => `class ${i}`);
const probabilities = Object.fromEntries(classes.map((name) => [name, 0.1]));
const finding = { finding: "class 1", positive: "class 1", probability: 0.1, probabilities, threshold: 0.5 };
const run: any = {
  model: "m", version: "1", title: "t", frame: 0, findings: [finding], kind: "multilabel",
  receipts: [receipt], timingsMs: { encrypt: 1, total: 1 }, requestBytes: 1, n: 8192, log2Qp: 200,
};
const study = (name: string): any => ({ name, kind: "image", frame: 0, summary: { frameCount: 1 } });
const picture = (colour = false): any => {
  const data = new Uint8ClampedArray(4 * 512 * 512).fill(77);
  if (colour) data[4] = 78;
  return { image: { width: 512, height: 512, data }, frame: 0 };
};

async function made(name: string, of: any, shown: any) {
  const bytes = Buffer.from(await reportPdf(study(name), of, shown));
  const text = bytes.toString("latin1");
  const lines = [...text.matchAll(/Td <([0-9a-f]*)>/g)].map((found) =>
    Buffer.from(found[1]!, "hex").toString("latin1"),
  );
  const heights = [...text.matchAll(/Tf \S+ (\S+) Td/g)].map((found) => Number(found[1]));
  return { bytes, text, lines, heights, pages: text.match(/\/Type \/Page /g)!.length };
}

test("what does not fit goes to another page, each with its footer", async () => {
  const { heights, lines, pages, text } = await made("chest.dcm", run, picture());
  expect(pages).toBe(2);
  expect(Math.min(...heights)).toBe(30); // the footers, and nothing lower
  expect(heights.filter((y) => y < 52).length).toBe(pages);
  expect(lines.filter((line) => line === digest).length).toBe(7);
  expect(lines.some((line) => /^Made \d{4}-\d\d-\d\d \d\d:\d\d UTC/.test(line))).toBe(true);
  expect(text).toContain(`/Count ${pages} `);
});

test("every record of a table is in the report", async () => {
  const two = { ...finding, probabilities: { a: 0.9, "class 1": 0.1 } };
  const records = Array.from({ length: 100 }, () => two);
  const { lines, heights } = await made("t.csv", { ...run, kind: "binary", findings: records, receipts: [receipt, receipt] }, null);
  expect(lines.filter((line) => /^\d+: class 1$/.test(line)).length).toBe(100);
  expect(Math.min(...heights)).toBe(30);
  expect(lines.some((line) => line.includes("The first of 2 receipts"))).toBe(true);
});

test("offsets are where the objects are", async () => {
  const { bytes, text } = await made("chest.dcm", run, picture());
  const entries = [...text.matchAll(/(\d{10}) 00000 n/g)].map((found) => Number(found[1]));
  entries.forEach((offset, i) => {
    expect(bytes.subarray(offset, offset + 12).toString()).toMatch(new RegExp(`^${i + 1} 0 obj`));
  });
});

test.each([
  [false, "DeviceGray", 512 * 512],
  [true, "DeviceRGB", 3 * 512 * 512],
])("a picture in colour: %s", async (colour, space, size) => {
  const { bytes, text } = await made("chest.dcm", run, picture(colour));
  const at = text.indexOf(space);
  expect(at).toBeGreaterThan(0);
  const start = text.indexOf("stream\n", at) + 7;
  expect(inflateSync(bytes.subarray(start, text.indexOf("\nendstream", start))).length).toBe(size);
});

test("letters that the standard fonts lack are drawn, or told by their number", async () => {
  const names = ["Łukasz Żółć.dcm", "Šukasz Żółć.dcm"];
  const [left, right] = await Promise.all(names.map((name) => made(name, run, null)));
  expect(left!.lines).toContain("\\u{141}ukasz \\u{17b}ó\\u{142}\\u{107}.dcm");
  expect(left!.lines).not.toEqual(right!.lines);

  const drawn: string[] = [];
  class Canvas {
    readonly width: number;
    readonly height: number;
    constructor(width: number, height: number) {
      this.width = width;
      this.height = height;
    }
    getContext(): object {
      return {
        measureText: (text: string) => ({ width: 20 * text.length }),
        fillText: (text: string) => drawn.push(text),
        getImageData: () => ({ data: new Uint8ClampedArray(4 * this.width * this.height).fill(255) }),
      };
    }
  }
  vi.stubGlobal("OffscreenCanvas", Canvas);
  const { text, lines } = await made(names[0]!, run, null);
  expect(drawn).toEqual([names[0]]);
  expect(lines.some((line) => line.includes("\\u{"))).toBe(false);
  expect(text).toContain("/ImageMask true");
  expect(text).toMatch(/\/XObject << \/X0 5 0 R >>/);
});
