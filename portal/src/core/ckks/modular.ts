// Arithmetic modulo primes of at most 50 bits on doubles that hold integers exactly.

const HALF = 2 ** 26;
const WORD = 2 ** 52;

/** The low 52 bits of left · right, for factors below 2^52: every partial result is exact. */
function lowProduct(left: number, right: number): number {
  const leftHigh = Math.floor(left / HALF);
  const leftLow = left - leftHigh * HALF;
  const rightHigh = Math.floor(right / HALF);
  const rightLow = right - rightHigh * HALF;
  const middle = (leftHigh * rightLow) % HALF + (leftLow * rightHigh) % HALF;
  const low = leftLow * rightLow + (middle % HALF) * HALF;
  return low >= WORD ? low - WORD : low;
}

/**
 * left · right mod prime. The quotient is estimated in a double, off by at most one, so the
 * remainder is known from its low 52 bits.
 */
export function multiplyMod(left: number, right: number, prime: number): number {
  const quotient = Math.floor((left * right) / prime);
  let remainder = lowProduct(left, right) - lowProduct(quotient, prime);
  // the true remainder lies between −2·prime and 2·prime, below half a word
  if (remainder >= WORD / 2) remainder -= WORD;
  else if (remainder < -WORD / 2) remainder += WORD;
  while (remainder < 0) remainder += prime;
  while (remainder >= prime) remainder -= prime;
  return remainder;
}

/** b + (a − mask)·s mod prime, element by element: the exchange of a mask (ADR 0003). */
export function exchangeMask(
  b: Float64Array,
  a: Float64Array,
  mask: Float64Array,
  secret: Float64Array,
  prime: number,
): Float64Array {
  const out = new Float64Array(b.length);
  for (let i = 0; i < out.length; i++) {
    let change = a[i]! - mask[i]!;
    if (change < 0) change += prime;
    const sum = b[i]! + multiplyMod(change, secret[i]!, prime);
    out[i] = sum >= prime ? sum - prime : sum;
  }
  return out;
}

/** Little-endian 64-bit words as doubles; exact, as residues are below 2^50. */
export function wordsToDoubles(bytes: Uint8Array, count: number, offset = 0): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 8 * count);
  const out = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    out[i] = view.getUint32(8 * i, true) + view.getUint32(8 * i + 4, true) * 2 ** 32;
  }
  return out;
}

/** The inverse of `wordsToDoubles`, into a place. */
export function doublesToWords(values: Float64Array, bytes: Uint8Array, offset = 0): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, 8 * values.length);
  for (let i = 0; i < values.length; i++) {
    const high = Math.floor(values[i]! / 2 ** 32);
    view.setUint32(8 * i, values[i]! - high * 2 ** 32, true);
    view.setUint32(8 * i + 4, high, true);
  }
}
