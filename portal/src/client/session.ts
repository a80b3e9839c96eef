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
import { encodeRequest } from "../core/wire/request.ts";
import { maxResultLength, openResult, type Proof, type Statement } from "../core/wire/result.ts";
import { type CryptoMethods, type StoredKey } from "../workers/crypto.ts";
import { type ImagingMethods } from "../workers/imaging.ts";
import { type Remote } from "../workers/rpc.ts";
import { EvaluationKeys, type KeyCost, type KeyProgress, type KeysetRecord } from "./evaluation_keys.ts";
import { checkPassphrase, type Vault } from "./vault.ts";

/** What is remembered of the service, encrypted: whom to trust, and which keys it has. */
interface Connection extends KeysetRecord {
  token: string;
  /** Ed25519 key, in hex: of the operator's words, or of the first contact. */
  serviceKey: string | null;
  /** Whether a person has compared that key with what the operator says. */
  compared: boolean;
}

const NO_CONNECTION = { token: "", serviceKey: null, compared: false, keysets: {}, retired: [] };

/** A request that the service has accepted; enough to fetch and check its answer after a reload. */
export interface Ticket {
  job: string;
  model: string;
  requestDigest: string;
  modelDigest: string;
  programDigest: string;
  parametersDigest: string;
  keysDigest: string;
  /** Of the secret key that the request was encrypted under. */
  epoch: string;
  records: number;
  requestBytes: number;
  encryptMs: number;
  uploadMs: number;
}

export interface Receipt extends Statement, Partial<Proof> {
  serviceKey: string;
  /** How many records the ciphertext held; absent, as the proof, in what was kept before. */
  records?: number;
}

export interface AnswerHooks {
  onJob?: (job: Job) => void;
  onSilence?: () => void;
  signal?: AbortSignal;
}

export interface Answer {
  findings: Finding[];
  receipt: Receipt;
  timingsMs: Record<string, number>;
  requestBytes: number;
}

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

/** A signing key in hex as an operator names it, or "" where none is given. */
export function checkServiceKey(named: string): string {
  const key = named.trim().toLowerCase();
  if (!/^([0-9a-f]{64})?$/.test(key)) throw serviceError("not-a-service-key");
  return key;
}

export class Session {
  readonly vault: Vault;
  readonly crypto: Remote<CryptoMethods>;
  readonly imaging: Remote<ImagingMethods>;
  models: ModelInfo[] = [];
  /** Models of the service that a browser cannot use: other steps before encryption, larger rings. */
  elsewhere: string[] = [];
  /** Whether what was known of the service could not be read, so that it is met anew. */
  readonly connectionLost: boolean;
  readonly #connection: Connection;
  readonly #keys: EvaluationKeys;
  /** How many steps of analyses use a secret key, by its parameters' digest. */
  readonly #users = new Map<string, number>();
  #api: Api | null = null;

  private constructor(
    vault: Vault,
    crypto: Remote<CryptoMethods>,
    imaging: Remote<ImagingMethods>,
    connection: Connection | null,
  ) {
    this.vault = vault;
    this.crypto = crypto;
    this.imaging = imaging;
    this.connectionLost = connection === null;
    this.#connection = connection ?? structuredClone(NO_CONNECTION);
    this.#keys = new EvaluationKeys(this.#connection, () => this.#save());
  }

  static async start(
    vault: Vault,
    crypto: Remote<CryptoMethods>,
    imaging: Remote<ImagingMethods>,
  ): Promise<Session> {
    let kept: Connection | null;
    try {
      kept = { ...structuredClone(NO_CONNECTION), ...(await vault.getJson<Connection>("connection")) };
    } catch (error) {
      // keys and images must stay within reach
      if (!(error instanceof PortalError && error.code === "vault-damaged")) throw error;
      kept = null;
    }
    return new Session(vault, crypto, imaging, kept);
  }

  get serviceKey(): string | null {
    return this.#connection.serviceKey;
  }

  get hasToken(): boolean {
    return this.#connection.token !== "";
  }

  /** Whether the service's key was taken from the service itself and nobody has compared it. */
  get isKeyUncompared(): boolean {
    return this.#connection.serviceKey !== null && !this.#connection.compared;
  }

  /** A person has compared the signing key with what the operator says. */
  async confirmServiceKey(): Promise<void> {
    this.#connection.compared = true;
    await this.#save();
  }

  /**
   * Tries a token, and keeps it unless the service refuses it.
   * @param serviceKey The signing key in hex as the operator names it; "" where nobody did.
   */
  async setToken(token: string, serviceKey = ""): Promise<void> {
    const before = { ...this.#connection };
    const expected = checkServiceKey(serviceKey);
    if (expected !== "") {
      this.#connection.serviceKey = expected;
      this.#connection.compared = true;
    }
    this.#connection.token = token.trim();
    try {
      await this.connect();
    } catch (error) {
      const code = error instanceof PortalError ? error.code : "";
      if (["unauthorized", "not-a-token"].includes(code)) this.#connection.token = before.token;
      // one that was trusted before is not replaced by one that has not been seen; at first contact
      // what the person entered stays: the next try must not take whichever key the service names
      if (code !== "unreachable" && before.serviceKey !== null) {
        this.#connection.serviceKey = before.serviceKey;
        this.#connection.compared = before.compared;
      }
      await this.#save();
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
    await this.#keys.sweep(api);
  }

  /** After the person has compared the service's new signing key, in hex, and said that it is right. */
  async trustNewService(key: string): Promise<void> {
    this.#connection.serviceKey = key; // this one, not whichever the service names next
    this.#connection.compared = true;
    await this.#save();
    await this.#keys.retireAll();
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

  keyCost(model: ModelInfo): KeyCost {
    return this.#keys.cost(model);
  }

  /** Makes and uploads, one at a time, the evaluation keys that the service lacks for a model. */
  async ensureKeys(model: ModelInfo, onProgress: (progress: KeyProgress) => void): Promise<void> {
    const { digestHex } = model.parameters;
    await this.#using(digestHex, async () => {
      const epoch = await this.#ensureSecret(model.parameters);
      const make = ({ element, level }: KeyNeed): Promise<Bytes> =>
        this.crypto.evaluationKey(digestHex, epoch, element, level);
      await this.#keys.ensure(this.#service, model, epoch, make, onProgress);
    });
  }

  /** Key sets at the service that this browser does not use; another program with the token may. */
  async unusedKeysets(): Promise<string[]> {
    return this.#keys.unused(this.#service);
  }

  async deleteUnusedKeysets(): Promise<void> {
    for (const id of await this.unusedKeysets()) await this.#service.deleteKeyset(id);
  }

  /** Encrypts inputs and hands them in. The ticket is enough to get the answer later. */
  submit(
    model: ModelInfo,
    inputs: readonly Float64Array[],
    onUpload: (part: number) => void,
  ): Promise<Ticket> {
    return this.#using(model.parameters.digestHex, () => this.#submit(model, inputs, onUpload));
  }

  async #submit(
    model: ModelInfo,
    inputs: readonly Float64Array[],
    onUpload: (part: number) => void,
  ): Promise<Ticket> {
    const { signature, parameters } = model;
    const started = performance.now();
    const keyset = this.#keys.keyset(parameters.digestHex);
    const { epoch } = keyset;
    const keysDigest = await this.#keys.digest(model, keyset);
    const slots = pack(signature, inputs);
    const { inputScale, inputLevel } = signature;
    const ciphertext = await this.crypto.encrypt(
      parameters.digestHex, epoch, slots, inputScale, inputLevel,
    );
    slots.fill(0);
    const request = encodeRequest(fromHex(model.modelDigest), parameters.digest, ciphertext);
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
      keysDigest,
      epoch,
      records: inputs.length,
      requestBytes: request.length,
      encryptMs: encrypted - started,
      uploadMs: performance.now() - encrypted,
    };
  }

  /** Waits for the answer to a ticket, checks it, and decrypts it. */
  answer(ticket: Ticket, hooks: AnswerHooks): Promise<Answer> {
    return this.#using(ticket.parametersDigest, () => this.#answer(ticket, hooks));
  }

  async #answer(ticket: Ticket, hooks: AnswerHooks): Promise<Answer> {
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
      ...(hooks.signal === undefined ? {} : { signal: hooks.signal }),
    });
    const waited = performance.now();
    const length = ciphertextLength(parameters, 0, false);
    const result = await this.#service.result(ticket.job, maxResultLength(length));
    const fetched = performance.now();
    const serviceKey = this.#connection.serviceKey!;
    const { statement, proof, ciphertext } = await openResult(result, fromHex(serviceKey), ticket);
    const scale = signature.outputScale;
    const { epoch } = ticket;
    const slots = await this.crypto.decrypt(parameters.digestHex, epoch, ciphertext, scale);
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
      receipt: { ...statement, serviceKey, ...proof, records: ticket.records },
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

  /** The key file, for whoever knows the passphrase of this browser. */
  async exportKey(
    parametersDigest: string,
    passphrase: string,
    vaultPassphrase: string,
  ): Promise<Bytes> {
    checkPassphrase(passphrase);
    await this.vault.confirm(vaultPassphrase, this.crypto.deriveKey);
    const key = await this.vault.getRaw<StoredKey>(`secret/${parametersDigest}`);
    if (key === null) throw keyError("replaced");
    return this.#using(parametersDigest, async () => {
      await this.crypto.load(key, this.vault.key);
      return this.crypto.exportKey(parametersDigest, toHex(key.epoch), passphrase);
    });
  }

  /** Takes a key file's key. Another key for the same parameters is replaced: ask before. */
  async importKey(file: Bytes, passphrase: string): Promise<StoredKey> {
    const key = await this.crypto.importKey(file, passphrase, this.vault.key);
    await this.#replacing(key.parametersDigest, async (id) => {
      await this.vault.putRaw(id, key);
      await this.crypto.forget(key.parametersDigest);
    });
    return key;
  }

  async deleteKey(parametersDigest: string): Promise<void> {
    await this.#replacing(parametersDigest, async (id) => {
      await this.vault.delete(id);
      await this.crypto.forget(parametersDigest);
    });
  }

  /** Counts a step that uses a secret key; while there is one the key can neither be replaced nor deleted. */
  async #using<T>(parametersDigest: string, work: () => Promise<T>): Promise<T> {
    const users = this.#users.get(parametersDigest) ?? 0;
    if (users < 0) throw keyError("in-use");
    this.#users.set(parametersDigest, users + 1);
    try {
      return await work();
    } finally {
      this.#users.set(parametersDigest, this.#users.get(parametersDigest)! - 1);
    }
  }

  /** Replaces or deletes a secret key that nothing uses, and gives up the keys made of the old one. */
  async #replacing(parametersDigest: string, work: (id: string) => Promise<void>): Promise<void> {
    if ((this.#users.get(parametersDigest) ?? 0) !== 0) throw keyError("in-use");
    this.#users.set(parametersDigest, -1);
    try {
      await work(`secret/${parametersDigest}`);
    } finally {
      this.#users.set(parametersDigest, 0);
    }
    await this.#keys.retire(this.#api, parametersDigest);
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

  get #service(): Api {
    if (this.#api === null) throw serviceError("unreachable");
    return this.#api;
  }

  async #save(): Promise<void> {
    await this.vault.putJson("connection", this.#connection);
  }
}

