// CKKS parameters that cannot be weaker than the 2024 security table (eprint 2024/463, table 5.2).

import { ascii, sha256, toHex, type Bytes } from "../bytes.ts";
import { serviceError } from "../errors.ts";

const MAX_LOG2_QP: Readonly<Record<number, number>> = {
  4096: 106,
  8192: 214,
  16384: 430,
  32768: 868,
};
const MIN_PRIME_BITS = 20;
const MAX_PRIME_BITS = 50;

/** Ring degree and primes: q0 … qL and, last, the special prime. Made by `checkedParameters` only. */
export interface Parameters {
  readonly n: number;
  readonly primes: readonly number[];
  readonly digest: Bytes;
  readonly digestHex: string;
}

export const slotsOf = (parameters: Parameters): number => parameters.n / 2;
export const maxLevel = (parameters: Parameters): number => parameters.primes.length - 2;
export const bitLength = (prime: number): number => Math.floor(Math.log2(prime)) + 1;

export function log2Qp(primes: readonly number[]): number {
  return primes.reduce((sum, prime) => sum + Math.log2(prime), 0);
}

/** Parameters that a service or a key file names, if they are safe. */
export async function checkedParameters(n: number, primes: readonly number[]): Promise<Parameters> {
  const limit = MAX_LOG2_QP[n];
  const refuse = (): never => {
    throw serviceError("unsafe-parameters", { n });
  };
  if (limit === undefined || primes.length < 2) return refuse();
  if (new Set(primes).size !== primes.length) refuse();
  for (const prime of primes) {
    if (!Number.isSafeInteger(prime) || prime < 2 ** (MIN_PRIME_BITS - 1)) refuse();
    if (prime >= 2 ** MAX_PRIME_BITS || prime % (2 * n) !== 1 || !isPrime(prime)) refuse();
  }
  if (primes[primes.length - 1] !== Math.max(...primes)) refuse();
  if (log2Qp(primes) > limit) refuse();
  const digest = await sha256(ascii(["safelight-ckks-v1", n, ...primes].join(" ")));
  return { n, primes: [...primes], digest, digestHex: toHex(digest) };
}

// Deterministic below 3.3e24 (Sorenson & Webster 2015).
const WITNESSES = [2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n, 23n, 29n, 31n, 37n, 41n];

export function isPrime(candidate: number): boolean {
  const value = BigInt(candidate);
  if (value < 2n) return false;
  for (const witness of WITNESSES) if (value % witness === 0n) return value === witness;
  let odd = value - 1n;
  let twos = 0;
  while (odd % 2n === 0n) {
    odd /= 2n;
    twos++;
  }
  return WITNESSES.every((witness) => {
    let power = modularPower(witness, odd, value);
    if (power === 1n || power === value - 1n) return true;
    for (let i = 1; i < twos; i++) {
      power = (power * power) % value;
      if (power === value - 1n) return true;
    }
    return false;
  });
}

function modularPower(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (let square = base % modulus; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** The rotation k with 3^k = element modulo 2N, 0 < k < N/2. */
export function stepOfElement(element: number, n: number): number {
  let power = 1;
  for (let step = 0; step < n / 2; step++) {
    if (power === element) return step;
    power = (power * 3) % (2 * n);
  }
  throw serviceError("bad-answer");
}
