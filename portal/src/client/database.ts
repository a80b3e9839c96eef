// IndexedDB as promises: one store of sealed items, and one of what must be readable before a
// passphrase is given (salt and a check value).

import { PortalError } from "../core/errors.ts";

const NAME = "safelight";
const VERSION = 1;
export type StoreName = "vault" | "items";

export class Database {
  readonly #db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.#db = db;
  }

  static open(): Promise<Database> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.open(NAME, VERSION);
      request.onupgradeneeded = () => {
        request.result.createObjectStore("vault");
        request.result.createObjectStore("items");
      };
      request.onsuccess = () => {
        // another tab deletes everything: this one must not keep the database open
        request.result.onversionchange = () => request.result.close();
        resolve(new Database(request.result));
      };
      request.onerror = () => reject(storageError(request.error));
      request.onblocked = () => reject(new PortalError("browser", "storage-blocked"));
    });
  }

  static destroy(): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(NAME);
      request.onsuccess = () => resolve();
      request.onerror = () => reject(storageError(request.error));
      request.onblocked = () => reject(new PortalError("browser", "storage-blocked"));
    });
  }

  close(): void {
    this.#db.close();
  }

  get<T>(store: StoreName, key: string): Promise<T | undefined> {
    return this.#run(store, "readonly", (items) => items.get(key) as IDBRequest<T | undefined>);
  }

  /** The keys that start with a prefix. */
  keys(store: StoreName, prefix: string): Promise<string[]> {
    const range = IDBKeyRange.bound(prefix, `${prefix}\uffff`);
    return this.#run(store, "readonly", (items) => items.getAllKeys(range) as IDBRequest<string[]>);
  }

  async put(store: StoreName, key: string, value: unknown): Promise<void> {
    await this.#run(store, "readwrite", (items) => items.put(value, key));
  }

  async delete(store: StoreName, key: string): Promise<void> {
    await this.#run(store, "readwrite", (items) => items.delete(key));
  }

  #run<T>(
    store: StoreName,
    mode: IDBTransactionMode,
    work: (items: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let transaction: IDBTransaction;
      let request: IDBRequest<T>;
      try {
        // strict: what we say is kept has reached the disk
        transaction = this.#db.transaction(store, mode, { durability: "strict" });
        request = work(transaction.objectStore(store));
      } catch (error) {
        reject(storageError(error));
        return;
      }
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(storageError(transaction.error ?? request.error));
      transaction.onerror = () => reject(storageError(transaction.error ?? request.error));
    });
  }
}

function storageError(error: unknown): PortalError {
  const full = error instanceof DOMException && error.name === "QuotaExceededError";
  return new PortalError("browser", full ? "disk-full" : "storage-failed");
}
