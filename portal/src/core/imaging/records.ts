// Records of numbers from CSV or JSON (docs/preprocessing.md section 4). Nothing is guessed, and
// messages say rows and columns, never values.

import { inputError } from "../errors.ts";
import { MAX_TABLE_BYTES } from "./limits.ts";

/** The records in a CSV or JSON file, in the order of the model's features. */
export function readRecords(
  content: Uint8Array,
  featureCount: number,
  featureNames: readonly string[],
): Float64Array[] {
  const { names, rows } = readTable(content);
  const width = names.length || rows[0]!.length;
  const columns = featureColumns(names, width, featureNames);
  if (columns.length !== featureCount) {
    throw inputError("feature-count", { found: columns.length, wanted: featureCount });
  }
  return rows.map((row, index) =>
    Float64Array.from(columns, (column) => finiteNumber(row[column], index, column)),
  );
}

/** A table before a model says which of its columns it takes; no names where it has no header. */
export interface Table {
  names: string[];
  rows: unknown[][];
}

export function readTable(content: Uint8Array): Table {
  if (content.length > MAX_TABLE_BYTES) throw inputError("table-too-large");
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content).trim();
  } catch {
    throw inputError("table-not-text");
  }
  if (text === "") throw inputError("table-empty");
  const table = text[0] === "[" || text[0] === "{" ? jsonRows(text) : csvRows(text);
  const { names, rows } = table;
  if (rows.length === 0) throw inputError("no-records");
  const width = names.length || rows[0]!.length;
  rows.forEach((row, index) => {
    if (row.length !== width) {
      throw inputError("ragged-table", { row: index + 1, found: row.length, wanted: width });
    }
  });
  return table;
}

function csvRows(text: string): Table {
  const rows = parseCsv(text).filter((row) => row.length > 0);
  if (rows.length > 0 && !rows[0]!.some((cell) => parseNumber(cell) !== null)) {
    return { names: rows.shift()!.map((cell) => cell.trim()), rows };
  }
  return { names: [], rows };
}

/** RFC 4180, strictly: quotes open a cell and are doubled within. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let i = 0;
  while (i < text.length) {
    let cell = "";
    if (text[i] === '"') {
      i++;
      for (;;) {
        const end = text.indexOf('"', i);
        if (end < 0) throw inputError("table-not-csv");
        cell += text.slice(i, end);
        i = end + 1;
        if (text[i] !== '"') break;
        cell += '"';
        i++;
      }
      if (i < text.length && !",\r\n".includes(text[i]!)) throw inputError("table-not-csv");
    } else {
      const start = i;
      while (i < text.length && !",\r\n".includes(text[i]!)) i++;
      cell = text.slice(start, i);
    }
    row.push(cell);
    if (text[i] === ",") {
      i++;
      if (i === text.length) row.push("");
      continue;
    }
    if (text[i] === "\r") i++;
    if (text[i] === "\n") i++;
    rows.push(row.length === 1 && row[0] === "" ? [] : row);
    row = [];
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

function jsonRows(text: string): Table {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw inputError("table-not-json");
  }
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const isObject = (row: unknown): row is Record<string, unknown> =>
    typeof row === "object" && row !== null && !Array.isArray(row);
  if (list.length > 0 && list.every(isObject)) {
    const names = Object.keys(list[0]!);
    const sameNames = (row: Record<string, unknown>): boolean =>
      Object.keys(row).length === names.length && names.every((name) => Object.hasOwn(row, name));
    if (!list.every(sameNames)) throw inputError("records-differ");
    return { names, rows: list.map((row) => names.map((name) => row[name])) };
  }
  if (list.length > 0 && !list.some((row) => Array.isArray(row) || isObject(row))) {
    return { names: [], rows: [list] };
  }
  if (!list.every((row): row is unknown[] => Array.isArray(row))) {
    throw inputError("records-differ");
  }
  return { names: [], rows: list };
}

function featureColumns(names: string[], width: number, wanted: readonly string[]): number[] {
  if (new Set(names).size !== names.length) throw inputError("column-twice");
  if (names.length > 0 && wanted.length > 0) {
    const missing = wanted.filter((name) => !names.includes(name)).length;
    if (missing > 0) throw inputError("features-missing", { missing, wanted: wanted.length });
    return wanted.map((name) => names.indexOf(name));
  }
  return [...Array(width).keys()];
}

const NUMBER = /^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+(_\d+)*)?$/i;

/** What Python's float() reads: a number, or null. */
export function parseNumber(cell: string): number | null {
  const trimmed = cell.trim();
  if (/^[+-]?(nan|inf|infinity)$/i.test(trimmed)) return NaN;
  return NUMBER.test(trimmed) ? Number(trimmed.replaceAll("_", "")) : null;
}

function finiteNumber(cell: unknown, row: number, column: number): number {
  const value = typeof cell === "string" ? parseNumber(cell) : cell;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw inputError("not-a-number", { row: row + 1, column: column + 1 });
  }
  return value;
}
