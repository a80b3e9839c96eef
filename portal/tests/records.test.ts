// Tables, before and after a model says which of their columns it takes.

import { expect, test } from "vitest";

import { readTable } from "../src/core/imaging/records.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test.each([
  ["hello,world", "no-records"],
  ["hello", "no-records"],
  ["1,2\n3", "ragged-table"],
  ['1,"2', "table-not-csv"],
  ["{", "table-not-json"],
  ["", "table-empty"],
])("%j is not a table of records", (text, code) => {
  expect(() => readTable(bytes(text))).toThrow(code);
});

test("a table as it stands", () => {
  const { names, rows } = readTable(bytes("id,age\nx,61\n"));
  expect(names).toEqual(["id", "age"]);
  expect(rows).toEqual([["x", "61"]]);
});
