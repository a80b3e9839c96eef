// A DICOM data set with typed access to its attributes. Parsing is dicom-parser's; what it throws
// may quote the file, so none of it passes.

import dicomParser from "dicom-parser";

import { concat, viewOf } from "../../bytes.ts";
import { PortalError, inputError } from "../../errors.ts";
import { inflate } from "../inflate.ts";
import { MAX_INFLATED_BYTES } from "../limits.ts";
import { DEFLATED_LITTLE, EXPLICIT_BIG, IMPLICIT_LITTLE } from "./syntaxes.ts";

const PREAMBLE_BYTES = 132;
const ROWS = "x00280010";

export interface DicomFile {
  dataSet: DataSet;
  syntax: string;
}

/** Runs a reader of the file; whatever it throws means a damaged file. */
export function damagedUnless<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof PortalError) throw error;
    throw inputError("dicom-damaged");
  }
}

export async function parseDicomFile(content: Uint8Array): Promise<DicomFile> {
  const hasPreamble = String.fromCharCode(...content.subarray(128, 132)) === "DICM";
  // some files open with their file meta information at once
  const bytes = hasPreamble ? content : concat(preamble(), content);
  const meta = damagedUnless(() => dicomParser.readPart10Header(bytes));
  const syntax = (meta.string("x00020010") ?? "").trim();
  if (syntax === "") throw inputError("dicom-no-syntax");
  const start = (meta as unknown as { position: number }).position;
  let body = bytes;
  let position = start;
  if (syntax === DEFLATED_LITTLE) {
    body = await inflate(bytes.subarray(start), "deflate-raw", MAX_INFLATED_BYTES);
    position = 0;
  }
  const bigEndian = syntax === EXPLICIT_BIG;
  const parse = (implicit: boolean): Raw => {
    const parsers = dicomParser as unknown as Record<string, object>; // untyped exports
    const parser = parsers[bigEndian ? "bigEndianByteArrayParser" : "littleEndianByteArrayParser"]!;
    const stream = new dicomParser.ByteStream(parser as never, body as never, position);
    const RawDataSet = parsers.DataSet as unknown as new (...args: unknown[]) => Raw;
    const parsed = new RawDataSet(parser, body, {});
    if (implicit) dicomParser.parseDicomDataSetImplicit(parsed, stream);
    else dicomParser.parseDicomDataSetExplicit(parsed, stream);
    (parsed as { warnings?: string[] }).warnings = stream.warnings;
    return parsed;
  };
  const dataSet = damagedUnless(() => {
    if (syntax === IMPLICIT_LITTLE) return parse(true);
    let isDamaged = false;
    try {
      const parsed = parse(false);
      if (parsed.elements[ROWS] !== undefined) return parsed;
    } catch {
      isDamaged = true;
    }
    // perhaps implicit after all, as some writers leave it: their files are read by others too
    const parsed = parse(true);
    if (isDamaged && parsed.elements[ROWS] === undefined) throw inputError("dicom-damaged");
    return parsed;
  });
  return { dataSet: new DataSet(dataSet, !bigEndian), syntax };
}

function preamble(): Uint8Array {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  bytes.set([0x44, 0x49, 0x43, 0x4d], 128);
  return bytes;
}

type Raw = dicomParser.DataSet;

export class DataSet {
  readonly #raw: Raw;
  readonly littleEndian: boolean;

  constructor(raw: Raw, littleEndian: boolean) {
    this.#raw = raw;
    this.littleEndian = littleEndian;
  }

  /** Whether the file ends before its encapsulated pixel data does. */
  get isCutShort(): boolean {
    const warnings = (this.#raw as unknown as { warnings?: string[] }).warnings ?? [];
    return warnings.some((warning) => warning.includes("delimiter"));
  }

  has(tag: string): boolean {
    return this.#raw.elements[tag] !== undefined;
  }

  element(tag: string): dicomParser.Element | undefined {
    return this.#raw.elements[tag];
  }

  /** Bytes that an element's offsets count in. */
  get bytes(): Uint8Array {
    return this.#raw.byteArray as Uint8Array;
  }

  /** A code string, or nothing where the file holds anything but a code. */
  code(tag: string): string {
    const value = (this.#raw.string(tag, 0) ?? "").trim();
    return /^[A-Z0-9_ ]{1,16}$/.test(value) ? value : "";
  }

  /** The values of a backslash-separated text. */
  texts(tag: string): string[] {
    return (this.#raw.string(tag) ?? "").split("\\").map((part) => part.trim());
  }

  /** US; null where it is absent or empty. */
  unsigned(tag: string): number | null {
    return this.#raw.uint16(tag) ?? null;
  }

  /** The first value of DS or IS, or of a binary float; null where it is absent or empty. */
  decimal(tag: string): number | null {
    const element = this.#raw.elements[tag];
    if (element === undefined || element.length === 0) return null;
    if (element.vr === "FD") return this.#raw.double(tag) ?? null;
    if (element.vr === "FL") return this.#raw.float(tag) ?? null;
    const [first] = this.texts(tag);
    if (first === undefined || first === "") return null;
    const value = Number(first);
    if (Number.isNaN(value)) throw inputError("dicom-damaged");
    return value;
  }

  /** US or SS by the sign of the samples, as PS3.5 A.1 has it for implicit files. */
  sample(tag: string, signed: boolean): number | null {
    const element = this.#raw.elements[tag];
    if (element === undefined || element.length < 2) return null;
    if (element.vr === "IS" || element.vr === "DS") return this.decimal(tag);
    const isSigned = element.vr === "SS" || (element.vr !== "US" && signed);
    return (isSigned ? this.#raw.int16(tag) : this.#raw.uint16(tag)) ?? null;
  }

  /** 16-bit words of an element. */
  words(tag: string): Uint16Array | null {
    const bytes = this.valueBytes(tag);
    if (bytes === null) return null;
    const view = viewOf(bytes);
    return Uint16Array.from({ length: bytes.length >> 1 }, (_, i) =>
      view.getUint16(2 * i, this.littleEndian),
    );
  }

  valueBytes(tag: string): Uint8Array | null {
    const element = this.#raw.elements[tag];
    if (element === undefined || element.length === 0) return null;
    const end = element.dataOffset + element.length;
    if (end > this.bytes.length) throw inputError("cut-short");
    return this.bytes.subarray(element.dataOffset, end);
  }

  items(tag: string): DataSet[] {
    const items = this.#raw.elements[tag]?.items ?? [];
    return items
      .filter((item) => item.dataSet !== undefined)
      .map((item) => new DataSet(item.dataSet!, this.littleEndian));
  }
}
