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
  type SEALContext,
  type SecretKey,
} from "node-seal";

import { randomBytes, type Bytes } from "../bytes.ts";
import { PortalError, inputError } from "../errors.ts";
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

/** Runs `work` and deletes what it made: WebAssembly's memory knows no garbage collector. */
function scoped<T>(work: (keep: <H extends Handle>(handle: H) => H) => T): T {
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

  constructor(seal: MainModule, parameters: Parameters, rows: Float64Array[], epoch: Bytes) {
    this.#seal = seal;
    this.parameters = parameters;
    this.epoch = epoch;
    this.#rows = rows;
    this.#context = sealContext(seal, parameters.n, parameters.primes);
    this.#key = this.#sealKey(this.#context, parameters.primes, rows);
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
      const file = asBytes(key.saveToArray(seal.ComprModeType.none));
      const secret = sealFormat.readSecret(file, parameters.n);
      file.fill(0);
      return secret;
    });
    return new SecretKeys(seal, parameters, rows, randomBytes(16));
  }

  /** The secret itself, for the encrypted key file and for tests that search for leaks. */
  unsafeSecretRows(): readonly Float64Array[] {
    return this.#rows;
  }

  /** Frees SEAL's memory and overwrites the secret. */
  destroy(): void {
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
    const seal = this.#seal;
    const [b, a] = scoped((keep) => {
      const plain = keep(new seal.Plaintext());
      try {
        this.#encoder.encode(slots, scale, plain);
      } catch {
        throw inputError("too-large-for-scale");
      }
      let lowered = plain;
      if (level < maxLevel(this.parameters)) {
        const id = keep(this.#parmsIdAt(level, keep));
        lowered = keep(new seal.Plaintext());
        keep(new seal.Evaluator(this.#context)).plainModSwitchTo(plain, id, lowered);
      }
      const encrypted = keep(new seal.Ciphertext());
      this.#encryptor.encryptSymmetric(lowered, encrypted);
      const file = asBytes(encrypted.saveToArray(seal.ComprModeType.none));
      const pair = sealFormat.readCiphertext(file);
      file.fill(0);
      return pair;
    });
    const seed = randomBytes(SEED_BYTES);
    const key = await seedKey(seed);
    const c0: Float64Array[] = [];
    for (let i = 0; i <= level; i++) {
      const mask = await uniformResidues(key, primes[i]!, n, 0, i);
      c0.push(exchangeMask(b![i]!, a![i]!, mask, this.#rows[i]!, primes[i]!));
    }
    wipe([b!, a!]);
    return { level, scale, seed, c0 };
  }

  /** All N/2 slots of a ciphertext whose rows have been checked. */
  decrypt(rows: Float64Array[][], scale: number): Float64Array {
    const seal = this.#seal;
    const level = rows[0]!.length - 1;
    const file = sealFormat.writeCiphertext(rows, sealFormat.levelId(this.parameters, level), scale);
    return scoped((keep) => {
      const encrypted = keep(new seal.Ciphertext());
      encrypted.loadFromArray(this.#context, file);
      const plain = keep(new seal.Plaintext());
      this.#decryptor.decrypt(encrypted, plain);
      return Float64Array.from(this.#encoder.decodeFloat64(plain) as ArrayLike<number>);
    });
  }

  /** The seeded key for one Galois element or for s² (element 0), under q0 … q_level and P alone. */
  async evaluationKey(element: number, level: number): Promise<SeededKey> {
    const { n, primes } = this.parameters;
    const indices = this.#keyIndices(level);
    const { context, key } = this.#trimmedTo(level);
    const seal = this.#seal;
    const file = scoped((keep) => {
      const generator = keep(new seal.KeyGenerator(context, key));
      const keys =
        element === RELINEARIZATION
          ? keep(generator.createRelinKeys())
          : keep(generator.createGaloisKeysWithSteps(Int32Array.of(stepOfElement(element, n))));
      return asBytes(keys.saveToArray(seal.ComprModeType.none));
    });
    const pairs = sealFormat.readKey(file, element === RELINEARIZATION ? 0 : (element - 1) / 2);
    file.fill(0);
    const seed = randomBytes(SEED_BYTES);
    const aes = await seedKey(seed);
    const digits: Float64Array[][] = [];
    for (const [digit, [b, a]] of pairs.entries()) {
      const masks = await Promise.all(
        indices.map((index) => uniformResidues(aes, primes[index]!, n, digit, index)),
      );
      digits.push(
        indices.map((index, row) =>
          exchangeMask(b![row]!, a![row]!, masks[row]!, this.#rows[index]!, primes[index]!),
        ),
      );
      wipe([b!, a!]);
    }
    return { element, level, seed, digits };
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
    key.loadFromArray(context, file);
    file.fill(0);
    return key;
  }

  #parmsIdAt(level: number, keep: <H extends Handle>(handle: H) => H) {
    let data = keep(this.#context.firstContextData());
    while (data.chainIndex() > level) data = keep(data.nextContextData());
    return data.parmsId();
  }
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

/** A copy: the array may be a view of WebAssembly's memory. */
function asBytes(saved: unknown): Bytes {
  return Uint8Array.from(saved as Uint8Array);
}
