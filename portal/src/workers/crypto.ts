// The crypto worker: the one place where a secret key exists unencrypted.

import initialize, { type MainModule } from "node-seal";
import sealIntegrity from "../../node_modules/node-seal/dist/seal_throws.wasm?integrity";
import sealWasmUrl from "../../node_modules/node-seal/dist/seal_throws.wasm?url";

import { equal, type Bytes } from "../core/bytes.ts";
import {
  passphraseKey,
  readKeyFile,
  secretBytes,
  secretRows,
  writeKeyFile,
} from "../core/ckks/key_file.ts";
import { checkedParameters } from "../core/ckks/parameters.ts";
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

function keysFor(parametersDigest: string): SecretKeys {
  const keys = loaded.get(parametersDigest);
  if (keys === undefined) throw keyError("not-loaded");
  return keys;
}

async function stored(keys: SecretKeys, vaultKey: CryptoKey): Promise<StoredKey> {
  const { parameters, epoch } = keys;
  const plain = secretBytes(keys.unsafeSecretRows());
  const secret = await seal(vaultKey, `secret/${parameters.digestHex}`, plain);
  plain.fill(0);
  const { n, primes, digestHex } = parameters;
  return { n, primes: [...primes], parametersDigest: digestHex, epoch: epoch.slice(), secret };
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
    return stored(keys, vaultKey);
  },

  async load(key: StoredKey, vaultKey: CryptoKey): Promise<void> {
    const current = loaded.get(key.parametersDigest);
    if (current !== undefined && equal(current.epoch, key.epoch)) return;
    const parameters = await checkedParameters(key.n, key.primes);
    const plain = await open(vaultKey, `secret/${parameters.digestHex}`, key.secret);
    const rows = secretRows(plain, parameters);
    plain.fill(0);
    keep(new SecretKeys(await sealModule(), parameters, rows, key.epoch));
  },

  /** One evaluation key, as the message that is uploaded. */
  async evaluationKey(parametersDigest: string, element: number, level: number): Promise<Bytes> {
    const keys = keysFor(parametersDigest);
    return encodeKey(keys.parameters, await keys.evaluationKey(element, level));
  },

  async encrypt(
    parametersDigest: string,
    slots: Float64Array,
    scale: number,
    level: number,
  ): Promise<Bytes> {
    const keys = keysFor(parametersDigest);
    const encrypted = await keys.encrypt(slots, scale, level);
    slots.fill(0);
    return encodeCiphertext(keys.parameters, encrypted);
  },

  async decrypt(
    parametersDigest: string,
    message: Bytes,
    scale: number,
  ): Promise<Float64Array> {
    const keys = keysFor(parametersDigest);
    return keys.decrypt(await decodeCiphertext(message, keys.parameters, 0, scale), scale);
  },

  /** The key file that the Python client reads as well. */
  async exportKey(parametersDigest: string, passphrase: string): Promise<Bytes> {
    const keys = keysFor(parametersDigest);
    const { parameters, epoch } = keys;
    return writeKeyFile({ parameters, epoch, rows: [...keys.unsafeSecretRows()] }, passphrase);
  },

  async importKey(file: Bytes, passphrase: string, vaultKey: CryptoKey): Promise<StoredKey> {
    const { parameters, epoch, rows } = await readKeyFile(file, passphrase);
    const keys = new SecretKeys(await sealModule(), parameters, rows, epoch);
    keep(keys);
    return stored(keys, vaultKey);
  },

  /** Overwrites and forgets one secret key, or all. */
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
