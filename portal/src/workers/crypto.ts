// The crypto worker: the one place where a secret key exists unencrypted.

import initialize, { type MainModule } from "node-seal";
import sealIntegrity from "../../node_modules/node-seal/dist/seal_throws.wasm?integrity";
import sealWasmUrl from "../../node_modules/node-seal/dist/seal_throws.wasm?url";

import { equal, toHex, type Bytes } from "../core/bytes.ts";
import {
  passphraseKey,
  readKeyFile,
  secretBytes,
  secretRows,
  writeKeyFile,
} from "../core/ckks/key_file.ts";
import { checkedParameters, type Parameters } from "../core/ckks/parameters.ts";
import { SecretKeys } from "../core/ckks/secret_keys.ts";
import { PortalError, keyError } from "../core/errors.ts";
import { decodeCiphertext, encodeCiphertext } from "../core/wire/ciphertext.ts";
import { encodeKey } from "../core/wire/key.ts";
import { open, seal, type Sealed } from "../client/sealed.ts";
import { serve } from "./rpc.ts";
import { fetchWasm } from "./wasm.ts";

/** A secret key as it is stored: encrypted under the vault's key. */
export interface StoredKey {
  n: number;
  primes: number[];
  parametersDigest: string;
  epoch: Bytes;
  secret: Sealed;
}

const loaded = new Map<string, SecretKeys>();
let starting: Promise<MainModule> | null = null;

function sealModule(): Promise<MainModule> {
  starting ??= startSeal();
  starting.catch(() => (starting = null));
  return starting;
}

async function startSeal(): Promise<MainModule> {
  const wasmBinary = await fetchWasm(sealWasmUrl, sealIntegrity);
  try {
    return await initialize({ wasmBinary });
  } catch {
    throw new PortalError("browser", "wasm-failed");
  }
}

/** The key of that epoch: another one for the same parameters would give noise under a right signature. */
function keysFor(parametersDigest: string, epoch: string): SecretKeys {
  const keys = loaded.get(parametersDigest);
  if (keys === undefined) throw keyError("not-loaded");
  if (toHex(keys.epoch) !== epoch) throw keyError("replaced");
  return keys;
}

/** What a stored key is bound to: the digest names N and the primes. */
const nameOf = (parametersDigest: string, epoch: Bytes): string =>
  `secret/${parametersDigest}/${toHex(epoch)}`;

async function stored(
  parameters: Parameters,
  epoch: Bytes,
  rows: readonly Float64Array[],
  vaultKey: CryptoKey,
): Promise<StoredKey> {
  const { n, primes, digestHex } = parameters;
  const plain = secretBytes(rows);
  try {
    const secret = await seal(vaultKey, nameOf(digestHex, epoch), plain);
    return { n, primes: [...primes], parametersDigest: digestHex, epoch: epoch.slice(), secret };
  } finally {
    plain.fill(0);
  }
}

function keep(keys: SecretKeys): void {
  const digest = keys.parameters.digestHex;
  const before = loaded.get(digest);
  if (before !== keys) before?.destroy();
  loaded.set(digest, keys);
}

const methods = {
  /** Starts SEAL; refuses a browser that lacks what it needs. */
  async start(): Promise<void> {
    await sealModule();
  },

  async deriveKey(passphrase: string, salt: Bytes): Promise<CryptoKey> {
    return passphraseKey(passphrase, salt);
  },

  async generate(n: number, primes: number[], vaultKey: CryptoKey): Promise<StoredKey> {
    const keys = SecretKeys.generate(await sealModule(), await checkedParameters(n, primes));
    keep(keys);
    return stored(keys.parameters, keys.epoch, keys.unsafeSecretRows(), vaultKey);
  },

  async load(key: StoredKey, vaultKey: CryptoKey): Promise<void> {
    const current = loaded.get(key.parametersDigest);
    if (current !== undefined && equal(current.epoch, key.epoch)) return;
    const parameters = await checkedParameters(key.n, key.primes);
    if (parameters.digestHex !== key.parametersDigest) throw keyError("vault-damaged");
    const module = await sealModule();
    const plain = await open(vaultKey, nameOf(key.parametersDigest, key.epoch), key.secret);
    keep(new SecretKeys(module, parameters, secretRows(plain, parameters), key.epoch));
  },

  /** One evaluation key, as the message that is uploaded. */
  async evaluationKey(
    parametersDigest: string,
    epoch: string,
    element: number,
    level: number,
  ): Promise<Bytes> {
    const keys = keysFor(parametersDigest, epoch);
    return encodeKey(keys.parameters, await keys.evaluationKey(element, level));
  },

  async encrypt(
    parametersDigest: string,
    epoch: string,
    slots: Float64Array,
    scale: number,
    level: number,
  ): Promise<Bytes> {
    try {
      const keys = keysFor(parametersDigest, epoch);
      return encodeCiphertext(keys.parameters, await keys.encrypt(slots, scale, level));
    } finally {
      slots.fill(0);
    }
  },

  async decrypt(
    parametersDigest: string,
    epoch: string,
    message: Bytes,
    scale: number,
  ): Promise<Float64Array> {
    const keys = keysFor(parametersDigest, epoch);
    return keys.decrypt(await decodeCiphertext(message, keys.parameters, 0, scale), scale);
  },

  /** The key file that the Python client reads as well. */
  async exportKey(parametersDigest: string, epoch: string, passphrase: string): Promise<Bytes> {
    const keys = keysFor(parametersDigest, epoch);
    const { parameters } = keys;
    return writeKeyFile(
      { parameters, epoch: keys.epoch, rows: [...keys.unsafeSecretRows()] },
      passphrase,
    );
  },

  /** A key file's key as it is stored. It is not used before the vault has it and `load` is called. */
  async importKey(file: Bytes, passphrase: string, vaultKey: CryptoKey): Promise<StoredKey> {
    const { parameters, epoch, rows } = await readKeyFile(file, passphrase);
    try {
      return await stored(parameters, epoch, rows, vaultKey);
    } finally {
      for (const row of rows) row.fill(0);
    }
  },

  /** Overwrites and forgets one secret key, or all: before the page locks or another tab takes over. */
  forget(parametersDigest?: string): void {
    for (const [digest, keys] of loaded) {
      if (parametersDigest !== undefined && digest !== parametersDigest) continue;
      keys.destroy();
      loaded.delete(digest);
    }
  },
};

export type CryptoMethods = typeof methods;

serve(methods);
