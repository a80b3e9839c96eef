// AES-256-GCM under the vault's key: a fresh nonce an object, its name bound to it.

import { randomBytes, type Bytes } from "../core/bytes.ts";
import { keyError } from "../core/errors.ts";

export interface Sealed {
  nonce: Bytes;
  data: Bytes;
}

const NONCE_BYTES = 12;

export async function seal(key: CryptoKey, name: string, plain: Bytes): Promise<Sealed> {
  const nonce = randomBytes(NONCE_BYTES);
  const additionalData = new TextEncoder().encode(name);
  const algorithm = { name: "AES-GCM", iv: nonce, additionalData };
  return { nonce, data: new Uint8Array(await crypto.subtle.encrypt(algorithm, key, plain)) };
}

export async function open(key: CryptoKey, name: string, sealed: Sealed): Promise<Bytes> {
  const additionalData = new TextEncoder().encode(name);
  const algorithm = { name: "AES-GCM", iv: sealed.nonce, additionalData };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(algorithm, key, sealed.data));
  } catch {
    throw keyError("vault-damaged");
  }
}
