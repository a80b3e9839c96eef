// Everything that this browser keeps, encrypted under one key that a passphrase gives.
//
// Security: the key is not extractable. In clear are the salt, the names of items (random, or digests
// of public parameters), their number and sizes, and of each secret key N, the primes and the epoch.

import { randomBytes, type Bytes } from "../core/bytes.ts";
import { passphraseForms } from "../core/ckks/key_file.ts";
import { keyError } from "../core/errors.ts";
import { Database } from "./database.ts";
import { open, seal, type Sealed } from "./sealed.ts";

/** passphrase and salt → AES-GCM key; scrypt, so it runs in a worker. */
export type Derive = (passphrase: string, salt: Bytes) => Promise<CryptoKey>;

interface VaultHeader {
  version: 1;
  salt: Bytes;
  check: Sealed;
}

/** The key that a passphrase gives; null where it is the wrong one. */
async function keyOf(
  header: VaultHeader | undefined,
  passphrase: string,
  derive: Derive,
): Promise<CryptoKey | null> {
  if (header?.version !== 1) throw keyError("vault-damaged");
  for (const form of passphraseForms(passphrase)) {
    const key = await derive(form, header.salt);
    if ((await open(key, CHECK, header.check).catch(() => null)) !== null) return key;
  }
  return null;
}

const CHECK = "check";
/** Whoever copies this browser's files can guess at leisure, so scrypt alone must not be relied on. */
export const MIN_PASSPHRASE_CHARS = 12;

export function checkPassphrase(passphrase: string): void {
  if (passphrase.length < MIN_PASSPHRASE_CHARS) {
    throw keyError("short-passphrase", { count: MIN_PASSPHRASE_CHARS });
  }
}

/**
 * Asks the browser to keep what is stored. Without its promise it may throw keys away when room gets
 * scarce, and Safari does after seven days without a visit.
 * @returns Whether it promises.
 */
export async function askToPersist(): Promise<boolean> {
  const { storage } = navigator;
  try {
    return (await storage.persisted()) || (await storage.persist());
  } catch {
    return false; // a browser that does not know the question promises nothing
  }
}

export class Vault {
  readonly #database: Database;
  readonly key: CryptoKey;
  #written: Promise<unknown> = Promise.resolve();

  private constructor(database: Database, key: CryptoKey) {
    this.#database = database;
    this.key = key;
  }

  static async exists(): Promise<boolean> {
    const database = await Database.open();
    const header = await database.get<VaultHeader>("vault", "header");
    database.close();
    return header !== undefined;
  }

  static async create(passphrase: string, derive: Derive): Promise<Vault> {
    checkPassphrase(passphrase);
    void askToPersist();
    const database = await Database.open();
    if ((await database.get("vault", "header")) !== undefined) throw keyError("vault-exists");
    const salt = randomBytes(16);
    const key = await derive(passphraseForms(passphrase)[0]!, salt);
    const check = await seal(key, CHECK, new TextEncoder().encode(CHECK));
    await database.put("vault", "header", { version: 1, salt, check } satisfies VaultHeader);
    return new Vault(database, key);
  }

  static async unlock(passphrase: string, derive: Derive): Promise<Vault> {
    const database = await Database.open();
    const header = await database.get<VaultHeader>("vault", "header");
    const key = await keyOf(header, passphrase, derive);
    if (key === null) {
      database.close();
      throw keyError("wrong-passphrase");
    }
    return new Vault(database, key);
  }

  /** Refuses whoever sits at an unlocked page and does not know its passphrase. */
  async confirm(passphrase: string, derive: Derive): Promise<void> {
    const header = await this.#database.get<VaultHeader>("vault", "header");
    if ((await keyOf(header, passphrase, derive)) === null) throw keyError("wrong-vault-passphrase");
  }

  /** Deletes everything that this browser keeps. */
  static async destroy(): Promise<void> {
    await Database.destroy();
  }

  close(): void {
    this.#database.close();
  }

  async putBytes(id: string, bytes: Bytes): Promise<void> {
    const sealing = seal(this.key, id, bytes);
    sealing.catch(() => undefined); // told below
    await this.#inOrder(async () => this.#database.put("items", id, await sealing));
  }

  async getBytes(id: string): Promise<Bytes | null> {
    const sealed = await this.#database.get<Sealed>("items", id);
    return sealed === undefined ? null : open(this.key, id, sealed);
  }

  async putJson(id: string, value: unknown): Promise<void> {
    await this.putBytes(id, new TextEncoder().encode(JSON.stringify(value)));
  }

  async getJson<T>(id: string): Promise<T | null> {
    const bytes = await this.getBytes(id);
    return bytes === null ? null : (JSON.parse(new TextDecoder().decode(bytes)) as T);
  }

  /** An object that is encrypted already, such as a secret key. */
  async putRaw(id: string, value: unknown): Promise<void> {
    await this.#inOrder(() => this.#database.put("items", id, value));
  }

  async getRaw<T>(id: string): Promise<T | null> {
    return (await this.#database.get<T>("items", id)) ?? null;
  }

  keys(prefix: string): Promise<string[]> {
    return this.#database.keys("items", prefix);
  }

  async delete(id: string): Promise<void> {
    await this.#inOrder(() => this.#database.delete("items", id));
  }

  /** Changes reach the disk as they were asked for: sealing takes a while, and none may overtake another. */
  #inOrder(change: () => Promise<void>): Promise<void> {
    const changed = this.#written.then(change);
    this.#written = changed.catch(() => undefined);
    return changed;
  }
}
