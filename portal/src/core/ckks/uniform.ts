// Uniform residues from a public seed (docs/wire-format.md): AES-256 in counter mode, words masked
// to the prime's size, words at or above the prime dropped.

import { type Bytes } from "../bytes.ts";
import { bitLength } from "./parameters.ts";

export const SEED_BYTES = 32;

export async function seedKey(seed: Bytes): Promise<CryptoKey> {
  return crypto.subtle.importKey("raw", seed, "AES-CTR", false, ["encrypt"]);
}

/** One row: n residues below `prime`, the prime of that index in the full parameters. */
export async function uniformResidues(
  key: CryptoKey,
  prime: number,
  n: number,
  digit: number,
  primeIndex: number,
): Promise<Float64Array> {
  const counter = new Uint8Array(16);
  const view = new DataView(counter.buffer);
  view.setUint32(0, digit);
  view.setUint32(4, primeIndex);
  const highMask = 2 ** Math.max(bitLength(prime) - 32, 0) - 1;
  const lowMask = bitLength(prime) >= 32 ? 0xffffffff : 2 ** bitLength(prime) - 1;
  const row = new Float64Array(n);
  // the primes lie just below a power of two, so few words are dropped
  for (let words = n + 64; ; words *= 2) {
    const zeros = new Uint8Array(8 * words);
    const algorithm = { name: "AES-CTR", counter, length: 128 };
    const stream = new Uint32Array(await crypto.subtle.encrypt(algorithm, key, zeros));
    let found = 0;
    for (let i = 0; i < words && found < n; i++) {
      const low = (stream[2 * i]! & lowMask) >>> 0;
      const word = low + ((stream[2 * i + 1]! & highMask) >>> 0) * 2 ** 32;
      if (word < prime) row[found++] = word;
    }
    if (found === n) return row;
  }
}
