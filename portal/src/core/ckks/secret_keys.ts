// The secret key, and the only code of the portal that can decrypt. Key generation, encoding,
// encryption and decryption are Microsoft SEAL's, through node-seal.
//
// What is ours is the seeded form (docs/adr/0003-seeded-objects.md): SEAL's fresh pair (b, a) becomes
// (b + (a − a′)·s, a′) with a′ expanded from a public seed; error and message stay SEAL's.
// Security: lives in the crypto worker only; nothing here is ever logged or posted.

import {
  type CKKSEncoder,
  type Decryptor,
  type Encryptor,
  type MainModule,
  type Plaintext,
  type SEALContext,
  type SecretKey,
} from "node-seal";

import { randomBytes, type Bytes } from "../bytes.ts";
import { PortalError, inputError, keyError } from "../errors.ts";
import { exchangeMask } from "./modular.ts";
import { maxLevel, slotsOf, stepOfElement, type Parameters } from "./parameters.ts";
import * as sealFormat from "./seal_format.ts";
import { SEED_BYTES, seedKey, uniformResidues } from "./uniform.ts";

export const RELINEARIZATION = 0;

/** A fresh ciphertext as it is sent: c0 and the seed of c1. */
export interface SeededCiphertext {
  level: number;
  scale: number;
  seed: Bytes;
  c0: Float64Array[];
}

/** A key-switching key as it is sent: b of each digit, and the seed of every a. */
export interface SeededKey {
  element: number;
  level: number;
  seed: Bytes;
  digits: Float64Array[][];
}

interface Handle {
  delete(): void;
}

type Keep = <H extends Handle>(handle: H) => H;

/** Runs `work` and deletes what it made: WebAssembly's memory knows no garbage collector. */
function scoped<T>(work: (keep: Keep) => T): T {
  const handles: Handle[] = [];
  try {
    return work((handle) => {
      handles.push(handle);
      return handle;
    });
  } finally {
    for (const handle of handles.reverse()) handle.delete();
  }
}

export class SecretKeys {
  readonly parameters: Parameters;
  readonly epoch: Bytes;
  readonly #seal: MainModule;
  readonly #rows: Float64Array[];
  readonly #context: SEALContext;
  readonly #key: SecretKey;
  readonly #encoder: CKKSEncoder;
  readonly #encryptor: Encryptor;
  readonly #decryptor: Decryptor;
  readonly #trimmed = new Map<number, { context: SEALContext; key: SecretKey }>();
  #destroyed = false;

  /** @param rows The secret, which is overwritten by `destroy`, or at once where SEAL does not take it. */
  constructor(seal: MainModule, parameters: Parameters, rows: Float64Array[], epoch: Bytes) {
    this.#seal = seal;
    this.parameters = parameters;
    this.epoch = epoch;
    this.#rows = rows;
    try {
      this.#context = sealContext(seal, parameters.n, parameters.primes);
      this.#key = this.#sealKey(this.#context, parameters.primes, rows);
    } catch (error) {
      for (const row of rows) row.fill(0);
      throw error;
    }
    this.#encoder = new seal.CKKSEncoder(this.#context);
    this.#decryptor = new seal.Decryptor(this.#context, this.#key);
    this.#encryptor = scoped((keep) => {
      // the constructor wants a public key; only the secret one is used
      const generator = keep(new seal.KeyGenerator(this.#context, this.#key));
      const encryptor = new seal.Encryptor(this.#context, keep(generator.createPublicKey()));
      encryptor.setSecretKey(this.#key);
      return encryptor;
    });
  }

  static generate(seal: MainModule, parameters: Parameters): SecretKeys {
    const rows = scoped((keep) => {
      const context = keep(sealContext(seal, parameters.n, parameters.primes));
      const key = keep(keep(new seal.KeyGenerator(context)).secretKey());
      return reading(key.saveToArray(seal.ComprModeType.none), (file) =>
        sealFormat.readSecret(file, parameters.n),
      );
    });
    return new SecretKeys(seal, parameters, rows, randomBytes(16));
  }

  /** The secret itself, for the encrypted key file and for tests that search for leaks. */
  unsafeSecretRows(): readonly Float64Array[] {
    return this.#rows;
  }

  /** Frees SEAL's memory and overwrites the secret. */
  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    for (const { context, key } of this.#trimmed.values()) {
      key.delete();
      context.delete();
    }
    this.#trimmed.clear();
    for (const handle of [this.#encryptor, this.#decryptor, this.#encoder]) handle.delete();
    this.#key.delete();
    this.#context.delete();
    for (const row of this.#rows) row.fill(0);
  }

  /** A fresh seeded encryption of all N/2 slots. */
  async encrypt(slots: Float64Array, scale: number, level: number): Promise<SeededCiphertext> {
    const { n, primes } = this.parameters;
    if (slots.length !== slotsOf(this.parameters) || !slots.every(Number.isFinite)) {
      throw inputError("not-finite");
    }
    const seed = randomBytes(SEED_BYTES);
    const key = await seedKey(seed);
    const masks = await Promise.all(
      primes.slice(0, level + 1).map((prime, i) => uniformResidues(key, prime, n, 0, i)),
    );
    // from here on without an await: nobody can take the key away in between
    this.#checkThere();
    const [b, a] = this.#sealPair(slots, scale, level);
    try {
      const c0 = masks.map((mask, i) =>
        exchangeMask(b![i]!, a![i]!, mask, this.#rows[i]!, primes[i]!),
      );
      return { level, scale, seed, c0 };
    } finally {
      wipe([b!, a!]);
    }
  }

  /** SEAL's own fresh encryption. */
  #sealPair(slots: Float64Array, scale: number, level: number): sealFormat.Rows {
    const seal = this.#seal;
    return scoped((keep) => {
      const plain = plaintext(seal, keep);
      try {
        this.#encoder.encode(slots, scale, plain);
      } catch {
        throw inputError("too-large-for-scale");
      }
      let lowered = plain;
      if (level < maxLevel(this.parameters)) {
        const id = keep(this.#parmsIdAt(level, keep));
        lowered = plaintext(seal, keep);
        keep(new seal.Evaluator(this.#context)).plainModSwitchTo(plain, id, lowered);
      }
      const encrypted = keep(new seal.Ciphertext());
      this.#encryptor.encryptSymmetric(lowered, encrypted);
      return reading(encrypted.saveToArray(seal.ComprModeType.none), (file) =>
        sealFormat.readCiphertext(file),
      );
    });
  }

  /** All N/2 slots of a ciphertext whose rows have been checked. */
  decrypt(rows: Float64Array[][], scale: number): Float64Array {
    this.#checkThere();
    const seal = this.#seal;
    const level = rows[0]!.length - 1;
    const file = sealFormat.writeCiphertext(rows, sealFormat.levelId(this.parameters, level), scale);
    return scoped((keep) => {
      const encrypted = keep(new seal.Ciphertext());
      encrypted.loadFromArray(this.#context, file);
      const plain = plaintext(seal, keep);
      this.#decryptor.decrypt(encrypted, plain);
      return this.#encoder.decodeFloat64(plain) as Float64Array; // an array of its own
    });
  }

  /** The seeded key for one Galois element or for s² (element 0), under q0 … q_level and P alone. */
  async evaluationKey(element: number, level: number): Promise<SeededKey> {
    const { n, primes } = this.parameters;
    const indices = this.#keyIndices(level);
    const seed = randomBytes(SEED_BYTES);
    const aes = await seedKey(seed);
    const masks = await Promise.all(
      Array.from({ length: level + 1 }, (_, digit) =>
        Promise.all(indices.map((index) => uniformResidues(aes, primes[index]!, n, digit, index))),
      ),
    );
    // from here on without an await: nobody can take the key away in between
    this.#checkThere();
    const pairs = this.#sealKeyPairs(element, level);
    try {
      const digits = pairs.map(([b, a], digit) =>
        indices.map((index, row) =>
          exchangeMask(b![row]!, a![row]!, masks[digit]![row]!, this.#rows[index]!, primes[index]!),
        ),
      );
      return { element, level, seed, digits };
    } finally {
      pairs.forEach(wipe);
    }
  }

  /** SEAL's own key, a pair a digit. */
  #sealKeyPairs(element: number, level: number): sealFormat.Rows[] {
    const { context, key } = this.#trimmedTo(level);
    const seal = this.#seal;
    return scoped((keep) => {
      const generator = keep(new seal.KeyGenerator(context, key));
      const keys =
        element === RELINEARIZATION
          ? keep(generator.createRelinKeys())
          : keep(
              generator.createGaloisKeysWithSteps(
                Int32Array.of(stepOfElement(element, this.parameters.n)),
              ),
            );
      return reading(keys.saveToArray(seal.ComprModeType.none), (file) =>
        sealFormat.readKey(file, element === RELINEARIZATION ? 0 : (element - 1) / 2),
      );
    });
  }

  #checkThere(): void {
    if (this.#destroyed) throw keyError("not-loaded");
  }

  #keyIndices(level: number): number[] {
    return [...Array(level + 1).keys(), this.parameters.primes.length - 1];
  }

  #trimmedTo(level: number): { context: SEALContext; key: SecretKey } {
    let entry = this.#trimmed.get(level);
    if (entry === undefined) {
      const indices = this.#keyIndices(level);
      const primes = indices.map((index) => this.parameters.primes[index]!);
      const context = sealContext(this.#seal, this.parameters.n, primes);
      const rows = indices.map((index) => this.#rows[index]!);
      entry = { context, key: this.#sealKey(context, primes, rows) };
      this.#trimmed.set(level, entry);
    }
    return entry;
  }

  #sealKey(context: SEALContext, primes: readonly number[], rows: Float64Array[]): SecretKey {
    const file = sealFormat.writeSecret(rows, sealFormat.parmsId(this.parameters.n, primes));
    const key = new this.#seal.SecretKey();
    try {
      key.loadFromArray(context, file);
    } catch (error) {
      key.delete();
      throw error;
    } finally {
      file.fill(0);
    }
    return key;
  }

  #parmsIdAt(level: number, keep: Keep) {
    let data = keep(this.#context.firstContextData());
    while (data.chainIndex() > level) data = keep(data.nextContextData());
    return data.parmsId();
  }
}

/** A plaintext that is overwritten before its memory is given back. */
function plaintext(seal: MainModule, keep: Keep): Plaintext {
  const plain = keep(new seal.Plaintext());
  keep({ delete: () => plain.setZero() }); // handles go in reverse order
  return plain;
}

function sealContext(seal: MainModule, n: number, primes: readonly number[]): SEALContext {
  return scoped((keep) => {
    const parameters = keep(new seal.EncryptionParameters(seal.SchemeType.ckks));
    parameters.setPolyModulusDegree(n);
    const moduli = keep(new seal.VectorModulus());
    for (const prime of primes) moduli.push_back(keep(new seal.Modulus(BigInt(prime))));
    parameters.setCoeffModulus(moduli);
    const context = new seal.SEALContext(parameters, true, seal.SecLevelType.tc128);
    if (!context.parametersSet()) {
      context.delete();
      throw new PortalError("service", "unsafe-parameters", { n });
    }
    return context;
  });
}

/**
 * SEAL's own pair and what is sent of it have the same error, so both together give the secret:
 * SEAL's pair is as secret as the key.
 */
function wipe(pair: Float64Array[][]): void {
  for (const rows of pair) for (const row of rows) row.fill(0);
}

/**
 * Reads a file of SEAL's and overwrites it. What `saveToArray` gives is an array of its own, neither
 * a view of WebAssembly's memory nor read by anyone else.
 */
function reading<T>(saved: unknown, read: (file: Uint8Array) => T): T {
  const file = saved as Uint8Array;
  try {
    return read(file);
  } finally {
    file.fill(0);
  }
}
