// An unlocked vault, a service and the workers: what one analysis needs, step by step as
// safelight.client does it.

import { fromHex, sha256, toHex, type Bytes } from "../core/bytes.ts";
import { type Parameters } from "../core/ckks/parameters.ts";
import { PortalError, keyError, serviceError } from "../core/errors.ts";
import { findingOf, type Finding } from "../core/model/finding.ts";
import { heatmapOf } from "../core/model/heatmap.ts";
import { logitsOf, probabilities } from "../core/model/outputs.ts";
import { pack, unpackNumbers } from "../core/model/signature.ts";
import { Api } from "../core/service/api.ts";
import { type Job, type KeyNeed, type ModelInfo } from "../core/service/answers.ts";
import { ciphertextLength } from "../core/wire/ciphertext.ts";
import { keyLength, keysetDigest } from "../core/wire/key.ts";
import { encodeRequest } from "../core/wire/request.ts";
import { maxResultLength, openResult, type Statement } from "../core/wire/result.ts";
import { type CryptoMethods, type StoredKey } from "../workers/crypto.ts";
import { type ImagingMethods } from "../workers/imaging.ts";
import { type Remote } from "../workers/rpc.ts";
import { checkPassphrase, type Vault } from "./vault.ts";

/** What is remembered of the service, encrypted: whom to trust, and which keys it has. */
interface Connection {
  token: string;
  /** Ed25519 key of the first contact, in hex. */
  serviceKey: string | null;
  keysets: Record<string, Keyset>;
}

interface Keyset {
  id: string;
  epoch: string;
  /** SHA-256 of each key message, by element. */
  digests: Record<string, string>;
}

/** A request that the service has accepted; enough to fetch and check its answer after a reload. */
export interface Ticket {
  job: string;
  model: string;
  requestDigest: string;
  modelDigest: string;
  programDigest: string;
  parametersDigest: string;
  keysDigest: string | null;
  /** Of the secret key that the request was encrypted under. */
  epoch: string;
  records: number;
  requestBytes: number;
  encryptMs: number;
  uploadMs: number;
}

export interface Receipt extends Statement {
  serviceKey: string;
}

export interface Answer {
  findings: Finding[];
  receipt: Receipt;
  timingsMs: Record<string, number>;
  requestBytes: number;
}

export interface KeyProgress {
  done: number;
  total: number;
  bytes: number;
}

/** What making the keys of a model costs a browser, told before it begins. */
export interface KeyCost {
  keys: number;
  bytes: number;
  seconds: number;
}

// node-seal on one core of a desktop: about 60 ms a key at N = 8192, half a second at 16384 with its upload
const KEY_SECONDS: Readonly<Record<number, number>> = { 4096: 0.02, 8192: 0.06, 16384: 0.5 };
/** What is wrong with one model alone: described as we do not know it, or withdrawn since the list. */
const UNUSABLE = new Set([
  "unknown-preprocessing",
  "bad-signature",
  "unsafe-parameters",
  "bad-answer",
  "unknown-model",
  "access-denied",
]);
/** Larger rings exhaust a tab's memory. */
const LARGEST_RING = 16384;

export class Session {
  readonly vault: Vault;
  readonly crypto: Remote<CryptoMethods>;
  readonly imaging: Remote<ImagingMethods>;
  models: ModelInfo[] = [];
  /** Models of the service that a browser cannot use: other steps before encryption, larger rings. */
  elsewhere: string[] = [];
  #connection: Connection;
  #api: Api | null = null;

  private constructor(
    vault: Vault,
    crypto: Remote<CryptoMethods>,
    imaging: Remote<ImagingMethods>,
    connection: Connection,
  ) {
    this.vault = vault;
    this.crypto = crypto;
    this.imaging = imaging;
    this.#connection = connection;
  }

  static async start(
    vault: Vault,
    crypto: Remote<CryptoMethods>,
    imaging: Remote<ImagingMethods>,
  ): Promise<Session> {
    const kept = await vault.getJson<Connection>("connection");
    return new Session(vault, crypto, imaging, kept ?? { token: "", serviceKey: null, keysets: {} });
  }

  get serviceKey(): string | null {
    return this.#connection.serviceKey;
  }

  get hasToken(): boolean {
    return this.#connection.token !== "";
  }

  /** Tries a token, and keeps it if the service takes it. */
  async setToken(token: string): Promise<void> {
    const before = this.#connection.token;
    this.#connection.token = token.trim();
    try {
      await this.connect();
    } catch (error) {
      const refused = error instanceof PortalError && ["unauthorized", "not-a-token"].includes(error.code);
      if (refused) this.#connection.token = before;
      throw error;
    }
    await this.#save();
  }

  /** Asks the service who it is and what it offers; refuses one with another signing key. */
  async connect(): Promise<void> {
    const api = new Api("", this.#connection.token);
    const info = await api.service();
    const key = toHex(info.publicKey);
    const known = this.#connection.serviceKey;
    if (known !== null && known !== key) throw serviceError("service-key-changed", { key });
    const models: ModelInfo[] = [];
    const elsewhere: string[] = [];
    for (const { name, onCiphertext } of await api.models()) {
      if (!onCiphertext) {
        elsewhere.push(name);
        continue;
      }
      try {
        const model = await api.model(name);
        if (model.parameters.n <= LARGEST_RING) models.push(model);
        else elsewhere.push(name);
      } catch (error) {
        // one model that this portal cannot use must not keep the others away
        if (!(error instanceof PortalError && UNUSABLE.has(error.code))) throw error;
        elsewhere.push(name);
      }
    }
    this.models = models;
    this.elsewhere = elsewhere;
    this.#api = api;
    if (known === null) {
      this.#connection.serviceKey = key;
      await this.#save();
    }
  }

  /** After the person has compared the service's new signing key, in hex, and said that it is right. */
  async trustNewService(key: string): Promise<void> {
    this.#connection.serviceKey = key; // this one, not whichever the service names next
    this.#connection.keysets = {};
    await this.#save();
    await this.connect();
  }

  get isConnected(): boolean {
    return this.#api !== null;
  }

  model(name: string): ModelInfo {
    const model = this.models.find((one) => one.name === name);
    if (model === undefined) throw serviceError("unknown-model");
    return model;
  }

  /** Of the keys that the service has not been sent, as far as this browser knows. */
  keyCost(model: ModelInfo): KeyCost {
    const { parameters } = model;
    const sent = this.#connection.keysets[parameters.digestHex]?.digests ?? {};
    const needs = model.needs.filter(({ element }) => sent[element] === undefined);
    return {
      keys: needs.length,
      bytes: needs.reduce((sum, need) => sum + keyLength(parameters, need.level), 0),
      seconds: needs.length * (KEY_SECONDS[parameters.n] ?? 0.5),
    };
  }

  /** Makes and uploads, one at a time, the evaluation keys that the service lacks for a model. */
  async ensureKeys(model: ModelInfo, onProgress: (progress: KeyProgress) => void): Promise<void> {
    const epoch = await this.#ensureSecret(model.parameters);
    const { keyset, missing } = await this.#missing(model, epoch);
    const total = model.needs.length;
    let done = total - missing.length;
    let bytes = 0;
    const make = ({ element, level }: KeyNeed): Promise<Bytes> =>
      this.crypto.evaluationKey(model.parameters.digestHex, element, level);
    onProgress({ done, total, bytes });
    let next = missing.length > 0 ? make(missing[0]!) : null;
    for (const [index, need] of missing.entries()) {
      const message = await next!;
      // while this one travels the worker makes the next
      const following = missing[index + 1];
      next = following === undefined ? null : make(following);
      next?.catch(() => undefined);
      const before = keyset.digests[need.element];
      // kept before it is sent: where the answer gets lost, we still know what we made
      keyset.digests[need.element] = toHex(await sha256(message));
      await this.#save();
      try {
        await this.#service.putKey(keyset.id, need.element, message);
      } catch (error) {
        const lost = error instanceof PortalError && error.code === "unreachable";
        if (!lost) await this.#putBack(keyset, need.element, before);
        throw error;
      }
      bytes += message.length;
      onProgress({ done: ++done, total, bytes });
    }
  }

  /** Encrypts inputs and hands them in. The ticket is enough to get the answer later. */
  async submit(
    model: ModelInfo,
    inputs: readonly Float64Array[],
    onUpload: (part: number) => void,
  ): Promise<Ticket> {
    const { signature, parameters } = model;
    const started = performance.now();
    const slots = pack(signature, inputs);
    const { inputScale, inputLevel } = signature;
    const ciphertext = await this.crypto.encrypt(
      parameters.digestHex, slots, inputScale, inputLevel,
    );
    slots.fill(0);
    const request = encodeRequest(fromHex(model.modelDigest), parameters.digest, ciphertext);
    const keyset = this.#connection.keysets[parameters.digestHex]!;
    const requestDigest = toHex(await sha256(request));
    const encrypted = performance.now();
    const job = await this.#service.submit(model.name, keyset.id, request, onUpload);
    return {
      job: job.id,
      model: model.name,
      requestDigest,
      modelDigest: model.modelDigest,
      programDigest: model.programDigest,
      parametersDigest: parameters.digestHex,
      keysDigest: await this.#keysDigest(model, keyset),
      epoch: keyset.epoch,
      records: inputs.length,
      requestBytes: request.length,
      encryptMs: encrypted - started,
      uploadMs: performance.now() - encrypted,
    };
  }

  /** Waits for the answer to a ticket, checks it, and decrypts it. */
  async answer(
    ticket: Ticket,
    hooks: { onJob?: (job: Job) => void; onSilence?: () => void },
  ): Promise<Answer> {
    const model = this.model(ticket.model);
    const { signature, parameters } = model;
    // a model that was replaced meanwhile may mean something else by its slots
    if (model.modelDigest !== ticket.modelDigest) throw serviceError("model-replaced");
    // under another key the answer would decrypt to noise, which looks like a finding
    await this.#loadSecret(parameters, ticket.epoch);
    const begin = performance.now();
    const job = await this.#service.wait(ticket.job, {
      ...(hooks.onJob === undefined ? {} : { onProgress: hooks.onJob }),
      ...(hooks.onSilence === undefined ? {} : { onSilence: hooks.onSilence }),
    });
    const waited = performance.now();
    const length = ciphertextLength(parameters, 0, false);
    const result = await this.#service.result(ticket.job, maxResultLength(length));
    const fetched = performance.now();
    const serviceKey = this.#connection.serviceKey!;
    const { statement, ciphertext } = await openResult(result, fromHex(serviceKey), ticket);
    const scale = signature.outputScale;
    await this.#loadSecret(parameters, ticket.epoch); // it may have been replaced while we waited
    const slots = await this.crypto.decrypt(parameters.digestHex, ciphertext, scale);
    const { outputs } = signature;
    const findings = unpackNumbers(signature, slots, ticket.records).map((numbers) => {
      if (!numbers.every(Number.isFinite)) throw serviceError("not-an-answer");
      const found = probabilities(outputs, logitsOf(outputs, numbers));
      const heatmap = heatmapOf(outputs, numbers, found);
      return { ...findingOf(outputs, found), ...(heatmap === null ? {} : { heatmap }) };
    });
    slots.fill(0);
    const decrypted = performance.now();
    return {
      findings,
      receipt: { ...statement, serviceKey },
      timingsMs: {
        encrypt: ticket.encryptMs,
        upload: ticket.uploadMs,
        wait: waited - begin,
        evaluate: job.evaluateMs ?? waited - begin,
        download: fetched - waited,
        decrypt: decrypted - fetched,
      },
      requestBytes: ticket.requestBytes,
    };
  }

  /** Stops a job whose answer nobody wants any more, or has the service forget one that is kept here. */
  async forget(ticket: Ticket): Promise<void> {
    await this.#service.forget(ticket.job);
  }

  // ---- secret keys ---------------------------------------------------------------------------

  async secretKeys(): Promise<StoredKey[]> {
    const ids = await this.vault.keys("secret/");
    const keys = await Promise.all(ids.map((id) => this.vault.getRaw<StoredKey>(id)));
    return keys.filter((key) => key !== null);
  }

  async exportKey(parametersDigest: string, passphrase: string): Promise<Bytes> {
    checkPassphrase(passphrase);
    const key = await this.vault.getRaw<StoredKey>(`secret/${parametersDigest}`);
    await this.crypto.load(key!, this.vault.key);
    return this.crypto.exportKey(parametersDigest, passphrase);
  }

  /** Takes a key file's key. Another key for the same parameters is replaced: ask before. */
  async importKey(file: Bytes, passphrase: string): Promise<StoredKey> {
    const key = await this.crypto.importKey(file, passphrase, this.vault.key);
    await this.#forgetKeyset(key.parametersDigest);
    await this.vault.putRaw(`secret/${key.parametersDigest}`, key);
    return key;
  }

  async deleteKey(parametersDigest: string): Promise<void> {
    await this.#forgetKeyset(parametersDigest);
    await this.crypto.forget(parametersDigest);
    await this.vault.delete(`secret/${parametersDigest}`);
  }

  async #ensureSecret(parameters: Parameters): Promise<string> {
    const id = `secret/${parameters.digestHex}`;
    let key = await this.vault.getRaw<StoredKey>(id);
    if (key === null) {
      key = await this.crypto.generate(parameters.n, [...parameters.primes], this.vault.key);
      await this.vault.putRaw(id, key);
    } else {
      await this.crypto.load(key, this.vault.key);
    }
    return toHex(key.epoch);
  }

  /** Loads the secret key of an epoch; refuses where another one, or none, has taken its place. */
  async #loadSecret(parameters: Parameters, epoch: string): Promise<void> {
    const key = await this.vault.getRaw<StoredKey>(`secret/${parameters.digestHex}`);
    if (key === null || toHex(key.epoch) !== epoch) throw keyError("replaced");
    await this.crypto.load(key, this.vault.key);
  }

  // ---- evaluation keys -----------------------------------------------------------------------

  async #missing(
    model: ModelInfo,
    epoch: string,
  ): Promise<{ keyset: Keyset; missing: KeyNeed[] }> {
    const digest = model.parameters.digestHex;
    const known = this.#connection.keysets[digest];
    if (known !== undefined && known.epoch === epoch) {
      try {
        const state = await this.#service.keyset(known.id, model.name);
        if (state.parametersDigest !== digest) throw serviceError("bad-answer");
        // of the service's claims only those on keys that this model needs count
        const lacks = new Set(state.missing.map((need) => need.element));
        const missing = model.needs.filter(
          ({ element }) => lacks.has(element) || !state.present.has(element),
        );
        for (const [element, sha256Hex] of state.present) {
          // an upload whose answer was lost in a reload
          known.digests[element] ??= sha256Hex;
        }
        return { keyset: known, missing };
      } catch (error) {
        const forgotten = error instanceof PortalError && error.code === "unknown-keyset";
        if (!forgotten) throw error;
      }
    }
    const keyset = { id: await this.#service.createKeyset(digest), epoch, digests: {} };
    this.#connection.keysets[digest] = keyset;
    await this.#save();
    return { keyset, missing: model.needs };
  }

  async #keysDigest(model: ModelInfo, keyset: Keyset): Promise<string | null> {
    const digests = new Map<number, Uint8Array>();
    for (const { element } of model.needs) {
      const hex = keyset.digests[element];
      if (hex === undefined) return null;
      digests.set(element, fromHex(hex));
    }
    return toHex(await keysetDigest(model.parameters.digest, digests));
  }

  /** A key that the service has refused is not there; one of a lower level may be. */
  async #putBack(keyset: Keyset, element: number, before: string | undefined): Promise<void> {
    if (before === undefined) delete keyset.digests[element];
    else keyset.digests[element] = before;
    await this.#save();
  }

  async #forgetKeyset(parametersDigest: string): Promise<void> {
    const keyset = this.#connection.keysets[parametersDigest];
    if (keyset === undefined) return;
    delete this.#connection.keysets[parametersDigest];
    await this.#save();
    // without a connection the service keeps keys that nothing is encrypted under any more
    await this.#api?.deleteKeyset(keyset.id).catch(() => undefined);
  }

  get #service(): Api {
    if (this.#api === null) throw serviceError("unreachable");
    return this.#api;
  }

  async #save(): Promise<void> {
    await this.vault.putJson("connection", this.#connection);
  }
}

