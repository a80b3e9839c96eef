// One evaluation key as a message (docs/wire-format.md, kind 2), and the digest of a set of keys.

import { ascii, concat, sha256, viewOf, type Bytes } from "../bytes.ts";
import { type Parameters } from "../ckks/parameters.ts";
import { type SeededKey } from "../ckks/secret_keys.ts";
import { SEED_BYTES } from "../ckks/uniform.ts";
import { FLAG_SEEDED, KIND, writePrologue } from "./frame.ts";
import { packRow, packedBytes } from "./packing.ts";

const HEADER_BYTES = 56;

function keyPrimes(parameters: Parameters, level: number): number[] {
  return [...parameters.primes.slice(0, level + 1), parameters.primes.at(-1)!];
}

export function keyLength(parameters: Parameters, level: number): number {
  const polynomial = packedBytes(keyPrimes(parameters, level), parameters.n);
  return HEADER_BYTES + SEED_BYTES + (level + 1) * polynomial;
}

export function encodeKey(parameters: Parameters, key: SeededKey): Bytes {
  const out = new Uint8Array(keyLength(parameters, key.level));
  writePrologue(out, KIND.key, FLAG_SEEDED);
  out.set(parameters.digest, 16);
  viewOf(out).setUint32(48, key.element, true);
  out[52] = key.level;
  out.set(key.seed, HEADER_BYTES);
  const primes = keyPrimes(parameters, key.level);
  let offset = HEADER_BYTES + SEED_BYTES;
  for (const digit of key.digits) {
    digit.forEach((row, i) => {
      offset = packRow(row, primes[i]!, out, offset);
    });
  }
  return out;
}

/** What a service signs as the keys that it used. */
export async function keysetDigest(
  parametersDigest: Uint8Array,
  digests: ReadonlyMap<number, Uint8Array>,
): Promise<Bytes> {
  const parts: Uint8Array[] = [ascii("safelight keyset v1\0"), parametersDigest];
  for (const element of [...digests.keys()].sort((left, right) => left - right)) {
    const name = new Uint8Array(4);
    viewOf(name).setUint32(0, element, true);
    parts.push(name, digests.get(element)!);
  }
  return sha256(concat(...parts));
}
