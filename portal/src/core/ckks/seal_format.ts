// Microsoft SEAL 4.1's uncompressed files to rows and back, for objects made in this tab.
//
// Layout: every object opens with a 16-byte header; a ciphertext is parms_id 32 B, NTT flag u8, size
// u64, N u64, limbs u64, scale f64, correction u64 and an array (header, count u64, words).
// Security: these bytes never leave the worker; what comes from outside has passed our own parser.

import { blake2b } from "@noble/hashes/blake2.js";

import { readU64, viewOf, writeU64, type Bytes } from "../bytes.ts";
import { doublesToWords, wordsToDoubles } from "./modular.ts";
import { type Parameters } from "./parameters.ts";

const HEADER_BYTES = 16;
const CIPHERTEXT_BYTES = 73;
const PLAINTEXT_BYTES = 48;
const CKKS_SCHEME = 2;

/** [polynomial][prime] → one row of N residues. */
export type Rows = Float64Array[][];

/** SEAL's name for a level: BLAKE2b-256 over scheme, N, the primes, and zero. */
export function parmsId(n: number, primes: readonly number[]): Bytes {
  const words = [CKKS_SCHEME, n, ...primes, 0];
  const bytes = new Uint8Array(8 * words.length);
  const view = viewOf(bytes);
  words.forEach((word, i) => writeU64(view, 8 * i, word));
  return new Uint8Array(blake2b(bytes, { dkLen: 32 }));
}

/** parms_id of data at a level, or of keys where none is given. */
export function levelId(parameters: Parameters, level?: number): Bytes {
  const { n, primes } = parameters;
  return parmsId(n, level === undefined ? primes : primes.slice(0, level + 1));
}

const wordsOf = (rows: readonly Float64Array[]): number =>
  rows.reduce((sum, row) => sum + row.length, 0);

/**
 * An object of SEAL's whose body is a head and an array of words. Everything is written into the one
 * array that is returned: of a secret there is no copy that nobody overwrites.
 */
function object(head: Uint8Array, rows: readonly Float64Array[]): Bytes {
  const count = wordsOf(rows);
  const arrayBytes = HEADER_BYTES + 8 + 8 * count;
  const out = new Uint8Array(HEADER_BYTES + head.length + arrayBytes);
  const view = viewOf(out);
  const header = (offset: number, size: number): void => {
    view.setUint16(offset, 0xa15e, true);
    out.set([HEADER_BYTES, 4, 1, 0], offset + 2);
    writeU64(view, offset + 8, size);
  };
  header(0, out.length);
  out.set(head, HEADER_BYTES);
  const start = HEADER_BYTES + head.length;
  header(start, arrayBytes);
  writeU64(view, start + HEADER_BYTES, count);
  let offset = start + HEADER_BYTES + 8;
  for (const row of rows) {
    doublesToWords(row, out, offset);
    offset += 8 * row.length;
  }
  return out;
}

/** The rows of a secret key's file. */
export function readSecret(file: Uint8Array, n: number): Float64Array[] {
  const start = HEADER_BYTES + PLAINTEXT_BYTES + HEADER_BYTES;
  const count = readU64(viewOf(file), start);
  return Array.from({ length: count / n }, (_, i) =>
    wordsToDoubles(file, n, start + 8 + 8 * n * i),
  );
}

/** A secret key's file (a plaintext's) from its rows. */
export function writeSecret(rows: readonly Float64Array[], keyLevelId: Uint8Array): Bytes {
  const head = new Uint8Array(PLAINTEXT_BYTES);
  head.set(keyLevelId);
  const view = viewOf(head);
  writeU64(view, 32, wordsOf(rows));
  view.setFloat64(40, 1, true);
  return object(head, rows);
}

/** The rows of a ciphertext's file that opens at `offset`. */
export function readCiphertext(file: Uint8Array, offset = 0): Rows {
  const view = viewOf(file);
  const base = offset + HEADER_BYTES;
  const [size, n, limbs] = [33, 41, 49].map((field) => readU64(view, base + field));
  const start = base + CIPHERTEXT_BYTES + HEADER_BYTES + 8;
  return Array.from({ length: size! }, (_, component) =>
    Array.from({ length: limbs! }, (_, limb) =>
      wordsToDoubles(file, n!, start + 8 * n! * (component * limbs! + limb)),
    ),
  );
}

export function writeCiphertext(rows: Rows, id: Uint8Array, scale: number): Bytes {
  const head = new Uint8Array(CIPHERTEXT_BYTES);
  const view = viewOf(head);
  head.set(id);
  head[32] = 1;
  writeU64(view, 33, rows.length);
  writeU64(view, 41, rows[0]![0]!.length);
  writeU64(view, 49, rows[0]!.length);
  view.setFloat64(57, scale, true);
  writeU64(view, 65, 1);
  return object(head, rows.flat());
}

/** The digits of one key-switching key in a file that holds it alone, at entry `index`. */
export function readKey(file: Uint8Array, index: number): Rows[] {
  const view = viewOf(file);
  // every entry before it is empty: one zero count each
  let position = HEADER_BYTES + 32 + 8 + 8 * index;
  const digits = readU64(view, position);
  position += 8;
  const out: Rows[] = [];
  for (let digit = 0; digit < digits; digit++) {
    out.push(readCiphertext(file, position));
    position += readU64(view, position + 8);
  }
  return out;
}
