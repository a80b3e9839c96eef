// A request for one inference (docs/wire-format.md, kind 3).

import { concat, randomBytes, viewOf, writeU64, type Bytes } from "../bytes.ts";
import { KIND, writePrologue } from "./frame.ts";

const HEADER_BYTES = 104;
export const NONCE_BYTES = 16;

export function encodeRequest(
  modelDigest: Uint8Array,
  parametersDigest: Uint8Array,
  ciphertext: Uint8Array,
  nonce: Uint8Array = randomBytes(NONCE_BYTES),
): Bytes {
  const out = concat(new Uint8Array(HEADER_BYTES), ciphertext);
  writePrologue(out, KIND.request);
  out.set(modelDigest, 16);
  out.set(parametersDigest, 48);
  out.set(nonce, 80);
  writeU64(viewOf(out), 96, ciphertext.length);
  return out;
}
