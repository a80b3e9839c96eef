// A signed result (docs/wire-format.md, kind 5), opened only if it answers this very request.

import { ascii, concat, readU64, sha256, toHex, viewOf, type Bytes } from "../bytes.ts";
import { serviceError, wireError } from "../errors.ts";
import { KIND, checkReserved, readPrologue } from "./frame.ts";

const HEADER_BYTES = 96;
const STATEMENT_BYTES = 202;
const MAX_STATEMENT_BYTES = STATEMENT_BYTES + 64 + 16;
const DOMAIN = ascii("safelight result v1\0");

export const LEVEL_OF_PROTECTION = "homomorphic";

/** What the service signed. Digests are SHA-256 in hex. */
export interface Statement {
  requestDigest: string;
  modelDigest: string;
  programDigest: string;
  parametersDigest: string;
  keysDigest: string;
  resultDigest: string;
  serviceTime: number;
  job: string;
  level: string;
}

/** What the service signed, byte for byte, and its Ed25519 signature, in hex: for whoever checks later. */
export interface Proof {
  statement: string;
  signature: string;
}

/** What the answer to a request must state. */
export interface Expected {
  requestDigest: string;
  modelDigest: string;
  programDigest: string;
  parametersDigest: string;
  keysDigest: string;
}

export function maxResultLength(ciphertextLength: number): number {
  return HEADER_BYTES + MAX_STATEMENT_BYTES + ciphertextLength;
}

export async function openResult(
  data: Bytes,
  publicKey: Uint8Array,
  expected: Expected,
): Promise<{ statement: Statement; proof: Proof; ciphertext: Bytes }> {
  readPrologue(data, KIND.result, HEADER_BYTES);
  const view = viewOf(data);
  const statedBytes = view.getUint16(16, true);
  checkReserved(data.subarray(18, 24));
  if (data.length !== HEADER_BYTES + statedBytes + readU64(view, 24)) throw wireError("malformed");
  const signature = data.slice(32, 96);
  const stated = data.slice(HEADER_BYTES, HEADER_BYTES + statedBytes);
  const statement = readStatement(stated);
  const ciphertext = data.slice(HEADER_BYTES + statedBytes);

  if (!(await verified(publicKey, signature, concat(DOMAIN, stated)))) {
    throw serviceError("false-signature");
  }
  const holds: [boolean, string][] = [
    [toHex(await sha256(ciphertext)) === statement.resultDigest, "ciphertext"],
    [statement.requestDigest === expected.requestDigest, "request"],
    [statement.modelDigest === expected.modelDigest, "model"],
    [statement.parametersDigest === expected.parametersDigest, "parameters"],
    [statement.keysDigest === expected.keysDigest, "keys"],
    [statement.level === LEVEL_OF_PROTECTION, "level"],
    [statement.programDigest === expected.programDigest, "program"],
  ];
  for (const [fits, what] of holds) if (!fits) throw serviceError("another-answer", { what });
  return {
    statement,
    proof: { statement: toHex(stated), signature: toHex(signature) },
    ciphertext,
  };
}

async function verified(key: Uint8Array, signature: Bytes, message: Bytes): Promise<boolean> {
  const imported = await crypto.subtle.importKey("raw", key as Bytes, "Ed25519", false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

function readStatement(stated: Bytes): Statement {
  if (stated.length < STATEMENT_BYTES) throw wireError("malformed");
  const jobBytes = stated[200]!;
  const levelBytes = stated[201]!;
  if (stated.length !== STATEMENT_BYTES + jobBytes + levelBytes) throw wireError("malformed");
  const text = (from: number, to: number): string =>
    String.fromCharCode(...stated.subarray(from, to));
  const job = text(STATEMENT_BYTES, STATEMENT_BYTES + jobBytes);
  const level = text(STATEMENT_BYTES + jobBytes, stated.length);
  if (!/^[0-9A-Za-z_-]{1,64}$/.test(job) || !/^[a-z]{1,16}$/.test(level)) {
    throw wireError("malformed");
  }
  const digest = (index: number): string => toHex(stated.subarray(32 * index, 32 * index + 32));
  const serviceTime = readU64(viewOf(stated), 192);
  if (!Number.isSafeInteger(serviceTime)) throw wireError("malformed");
  return {
    requestDigest: digest(0),
    modelDigest: digest(1),
    programDigest: digest(2),
    parametersDigest: digest(3),
    keysDigest: digest(4),
    resultDigest: digest(5),
    serviceTime,
    job,
    level,
  };
}

