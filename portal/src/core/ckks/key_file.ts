// A secret key as a file (docs/key-file.md): the same file that `safelight keys new` writes.

import { scryptAsync } from "@noble/hashes/scrypt.js";

import { concat, fromHex, randomBytes, toHex, viewOf, type Bytes } from "../bytes.ts";
import { PortalError, keyError } from "../errors.ts";
import { doublesToWords, wordsToDoubles } from "./modular.ts";
import { checkedParameters, type Parameters } from "./parameters.ts";

const MAGIC = 0x464b4c53; // "SLKF"
const VERSION = 1;
const MAX_HEADER_BYTES = 4096;
const SCRYPT = { N: 2 ** 17, r: 8, p: 1, dkLen: 32 };
const MAX_SCRYPT_N = 2 ** 20;
const HEAD_BYTES = 10;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export interface StoredSecret {
  parameters: Parameters;
  epoch: Bytes;
  rows: Float64Array[];
}

/**
 * How a passphrase is tried. New things are written under its NFC form, since keyboards compose an é in
 * different ways; what was written before that may be under the passphrase as it was typed.
 */
export function passphraseForms(passphrase: string): string[] {
  return [...new Set([passphrase.normalize("NFC"), passphrase])];
}

/** An AES-GCM key from a passphrase: scrypt takes 128 MB and about a second in a browser. */
export async function passphraseKey(
  passphrase: string,
  salt: Uint8Array,
  cost = SCRYPT.N,
): Promise<CryptoKey> {
  const options = { ...SCRYPT, N: cost, asyncTick: 50, maxmem: 2 ** 31 };
  const derived = await scryptAsync(new TextEncoder().encode(passphrase), salt, options);
  const usages: KeyUsage[] = ["encrypt", "decrypt"];
  try {
    return await crypto.subtle.importKey("raw", derived as Bytes, "AES-GCM", false, usages);
  } finally {
    derived.fill(0);
  }
}

export async function writeKeyFile(secret: StoredSecret, passphrase: string): Promise<Bytes> {
  if (passphrase === "") throw keyError("empty-passphrase");
  const salt = randomBytes(16);
  const nonce = randomBytes(NONCE_BYTES);
  const header = new TextEncoder().encode(
    JSON.stringify({
      cipher: "AES-256-GCM",
      epoch: toHex(secret.epoch),
      kdf: { name: "scrypt", n: SCRYPT.N, p: SCRYPT.p, r: SCRYPT.r },
      n: secret.parameters.n,
      primes: secret.parameters.primes,
      salt: toHex(salt),
    }),
  );
  const head = new Uint8Array(HEAD_BYTES);
  const view = viewOf(head);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, VERSION, true);
  view.setUint32(6, header.length, true);
  const bound = concat(head, header, nonce);
  const plain = secretBytes(secret.rows);
  try {
    const key = await passphraseKey(passphraseForms(passphrase)[0]!, salt);
    const algorithm = { name: "AES-GCM", iv: nonce, additionalData: bound };
    return concat(bound, new Uint8Array(await crypto.subtle.encrypt(algorithm, key, plain)));
  } finally {
    plain.fill(0);
  }
}

export async function readKeyFile(file: Bytes, passphrase: string): Promise<StoredSecret> {
  const view = viewOf(file);
  if (file.length < HEAD_BYTES || view.getUint32(0, true) !== MAGIC) {
    throw keyError("not-a-key-file");
  }
  if (view.getUint16(4, true) !== VERSION) throw keyError("key-file-version");
  const headerBytes = view.getUint32(6, true);
  const start = HEAD_BYTES + headerBytes;
  if (headerBytes > MAX_HEADER_BYTES || file.length < start) throw keyError("key-file-cut");
  const { parameters, epoch, salt, cost } = await readHeader(file.subarray(HEAD_BYTES, start));
  const words = parameters.primes.length * parameters.n;
  if (file.length !== start + NONCE_BYTES + 8 * words + TAG_BYTES) throw keyError("key-file-cut");
  const bound = file.slice(0, start + NONCE_BYTES);
  const algorithm = { name: "AES-GCM", iv: bound.slice(start), additionalData: bound };
  const sealed = file.slice(start + NONCE_BYTES);
  for (const form of passphraseForms(passphrase)) {
    const key = await passphraseKey(form, salt, cost);
    const plain = await crypto.subtle.decrypt(algorithm, key, sealed).catch(() => null);
    if (plain !== null) return { parameters, epoch, rows: secretRows(new Uint8Array(plain), parameters) };
  }
  throw keyError("wrong-key-file-passphrase");
}

/** The residues as little-endian 64-bit words, prime by prime. The caller overwrites them. */
export function secretBytes(rows: readonly Float64Array[]): Bytes {
  const n = rows[0]!.length;
  const bytes = new Uint8Array(8 * n * rows.length);
  rows.forEach((row, i) => doublesToWords(row, bytes, 8 * n * i));
  return bytes;
}

/** The residues in a secret's bytes, which are overwritten whatever comes of it. */
export function secretRows(bytes: Uint8Array, parameters: Parameters): Float64Array[] {
  const { n, primes } = parameters;
  const rows: Float64Array[] = [];
  try {
    if (bytes.length !== 8 * n * primes.length) throw keyError("key-file-header");
    for (const [i, prime] of primes.entries()) {
      rows.push(wordsToDoubles(bytes, n, 8 * n * i));
      if (!rows[i]!.every((value) => value < prime)) throw keyError("key-file-header");
    }
    return rows;
  } catch (error) {
    for (const row of rows) row.fill(0);
    throw error;
  } finally {
    bytes.fill(0);
  }
}

interface Header {
  parameters: Parameters;
  epoch: Bytes;
  salt: Bytes;
  cost: number;
}

async function readHeader(bytes: Uint8Array): Promise<Header> {
  let header: Header;
  try {
    const text = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    const { kdf } = text;
    if (kdf.name !== "scrypt" || kdf.r !== SCRYPT.r || kdf.p !== SCRYPT.p) {
      throw new RangeError("another derivation");
    }
    if (text.cipher !== "AES-256-GCM") throw new RangeError("another cipher");
    header = {
      parameters: await checkedParameters(Number(text.n), text.primes.map(Number)),
      epoch: fromHex(text.epoch),
      salt: fromHex(text.salt),
      cost: Number(kdf.n),
    };
  } catch (error) {
    throw new PortalError("key", "key-file-header", {}, { cause: error });
  }
  const { cost } = header;
  // a weaker cost would be a downgrade, a larger one a way to exhaust memory
  if (!(cost >= SCRYPT.N && cost <= MAX_SCRYPT_N && Number.isInteger(Math.log2(cost)))) {
    throw keyError("key-file-cost");
  }
  return header;
}
