// The prologue of every binary message (docs/wire-format.md, Prologue).

import { readU64, viewOf, writeU64 } from "../bytes.ts";
import { wireError } from "../errors.ts";

export const PROLOGUE_BYTES = 16;
export const KIND = { ciphertext: 1, key: 2, request: 3, program: 4, result: 5 } as const;
export const FLAG_SEEDED = 1;

const MAGIC = 0x54474c53; // "SLGT"
const VERSION = 1;

export function writePrologue(out: Uint8Array, kind: number, flags = 0): void {
  const view = viewOf(out);
  view.setUint32(0, MAGIC, true);
  view.setUint8(4, kind);
  view.setUint8(5, VERSION);
  view.setUint16(6, flags, true);
  writeU64(view, 8, out.length);
}

/** Flags of a whole message of that kind; refuses what is cut short, too long or foreign. */
export function readPrologue(
  data: Uint8Array,
  kind: number,
  headerBytes: number,
  allowedFlags = 0,
): number {
  if (data.length < headerBytes) throw wireError("truncated");
  const view = viewOf(data);
  if (view.getUint32(0, true) !== MAGIC || view.getUint8(4) !== kind) throw wireError("malformed");
  if (view.getUint8(5) !== VERSION) throw wireError("unsupported-version");
  const flags = view.getUint16(6, true);
  if ((flags & ~allowedFlags) !== 0) throw wireError("malformed");
  const length = readU64(view, 8);
  if (length < headerBytes) throw wireError("malformed");
  if (data.length < length) throw wireError("truncated");
  if (data.length > length) throw wireError("trailing-bytes");
  return flags;
}

export function checkReserved(bytes: Uint8Array): void {
  if (bytes.some((byte) => byte !== 0)) throw wireError("malformed");
}
