// A ciphertext as one message (docs/wire-format.md, kind 1).

import { equal, viewOf, type Bytes } from "../bytes.ts";
import { type Parameters } from "../ckks/parameters.ts";
import { type SeededCiphertext } from "../ckks/secret_keys.ts";
import { SEED_BYTES, seedKey, uniformResidues } from "../ckks/uniform.ts";
import { wireError } from "../errors.ts";
import { FLAG_SEEDED, KIND, checkReserved, readPrologue, writePrologue } from "./frame.ts";
import { packRow, packedBytes, unpackRow } from "./packing.ts";

const HEADER_BYTES = 64;

export function ciphertextLength(parameters: Parameters, level: number, seeded: boolean): number {
  const body = packedBytes(parameters.primes.slice(0, level + 1), parameters.n);
  return HEADER_BYTES + (seeded ? SEED_BYTES + body : 2 * body);
}

/** The message of a fresh ciphertext. */
export function encodeCiphertext(parameters: Parameters, ct: SeededCiphertext): Bytes {
  const out = new Uint8Array(ciphertextLength(parameters, ct.level, true));
  writePrologue(out, KIND.ciphertext, FLAG_SEEDED);
  out.set(parameters.digest, 16);
  out[48] = 2;
  out[49] = ct.level;
  viewOf(out).setFloat64(56, ct.scale, true);
  out.set(ct.seed, HEADER_BYTES);
  let offset = HEADER_BYTES + SEED_BYTES;
  ct.c0.forEach((row, i) => {
    offset = packRow(row, parameters.primes[i]!, out, offset);
  });
  return out;
}

/** Rows [2][level + 1] of a ciphertext that is exactly what the signature expects. */
export async function decodeCiphertext(
  data: Bytes,
  parameters: Parameters,
  level: number,
  scale: number,
): Promise<Float64Array[][]> {
  const flags = readPrologue(data, KIND.ciphertext, HEADER_BYTES, FLAG_SEEDED);
  if (!equal(data.subarray(16, 48), parameters.digest)) throw wireError("parameter-mismatch");
  checkReserved(data.subarray(50, 56));
  if (data[48] !== 2 || data[49] !== level) throw wireError("malformed");
  if (viewOf(data).getFloat64(56, true) !== scale) throw wireError("malformed");
  const seeded = flags === FLAG_SEEDED;
  if (data.length !== ciphertextLength(parameters, level, seeded)) throw wireError("malformed");

  const { n } = parameters;
  const primes = parameters.primes.slice(0, level + 1);
  let offset = HEADER_BYTES + (seeded ? SEED_BYTES : 0);
  const polynomial = (): Float64Array[] =>
    primes.map((prime) => {
      const row = unpackRow(data, offset, n, prime);
      offset += packedBytes([prime], n);
      return row;
    });
  const c0 = polynomial();
  let c1: Float64Array[];
  if (seeded) {
    const key = await seedKey(data.slice(HEADER_BYTES, HEADER_BYTES + SEED_BYTES));
    c1 = await Promise.all(primes.map((prime, i) => uniformResidues(key, prime, n, 0, i)));
  } else {
    c1 = polynomial();
  }
  // nobody needs a secret for what is visible where c1 vanishes
  if (c1.some((row) => row.every((value) => value === 0))) throw wireError("malformed");
  return [c0, c1];
}
