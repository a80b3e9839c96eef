// Residues packed to the bits of their prime (docs/wire-format.md, Residues): residue i of a row
// occupies bits [i·bits, (i+1)·bits) of a stream, least significant bit first.

import { bitLength } from "../ckks/parameters.ts";
import { wireError } from "../errors.ts";

/** Bytes of one polynomial: a row of n residues for each prime. */
export function packedBytes(primes: readonly number[], n: number): number {
  return primes.reduce((sum, prime) => sum + (n / 8) * bitLength(prime), 0);
}

const CHUNK_BITS = 17; // with seven bits left over it stays within 24

/** Writes a row at `offset`; gives the offset behind it. */
export function packRow(row: Float64Array, prime: number, out: Uint8Array, offset: number): number {
  const bits = bitLength(prime);
  let pending = 0;
  let held = 0;
  for (const residue of row) {
    if (!(residue >= 0 && residue < prime)) throw wireError("residue-range");
    let rest = residue;
    for (let left = bits; left > 0; left -= CHUNK_BITS) {
      const count = Math.min(left, CHUNK_BITS);
      const next = Math.floor(rest / 2 ** CHUNK_BITS);
      pending |= (left > CHUNK_BITS ? rest - next * 2 ** CHUNK_BITS : rest) << held;
      rest = next;
      held += count;
      while (held >= 8) {
        out[offset++] = pending & 0xff;
        pending >>>= 8;
        held -= 8;
      }
    }
  }
  return offset;
}

/** The row of n residues at `offset`; refuses one at or above its prime. */
export function unpackRow(
  data: Uint8Array,
  offset: number,
  n: number,
  prime: number,
): Float64Array {
  const bits = bitLength(prime);
  const row = new Float64Array(n);
  let held = 0;
  let pending = 0;
  for (let i = 0; i < n; i++) {
    let value = 0;
    let weight = 1;
    for (let left = bits; left > 0; left -= CHUNK_BITS) {
      const count = Math.min(left, CHUNK_BITS);
      while (held < count) {
        pending |= data[offset++]! << held;
        held += 8;
      }
      value += (pending & (2 ** count - 1)) * weight;
      pending >>>= count;
      held -= count;
      weight *= 2 ** count;
    }
    if (value >= prime) throw wireError("residue-range");
    row[i] = value;
  }
  return row;
}
