// Which evaluation keys the service has of this browser, and sending it those that it lacks.
//
// What a service says about keys counts only as far as this browser made them: a receipt names the
// keys by their digests, and digests that the service itself supplied would prove nothing.

import { fromHex, sha256, toHex, type Bytes } from "../core/bytes.ts";
import { PortalError, serviceError } from "../core/errors.ts";
import { type Api } from "../core/service/api.ts";
import { type KeyNeed, type ModelInfo } from "../core/service/answers.ts";
import { keyLength, keysetDigest } from "../core/wire/key.ts";

/** An evaluation key that this browser made, by the SHA-256 of its message. */
interface MadeKey {
  digest: string;
  level: number;
}

/** A key set at the service; both records go by Galois element. */
export interface Keyset {
  id: string;
  epoch: string;
  /** What the service has, as far as we know. */
  there: Record<string, MadeKey>;
  /** What was sent without an answer: it may have arrived, or may still. */
  sent: Record<string, MadeKey[]>;
}

/** What is remembered of the key sets, in the vault. */
export interface KeysetRecord {
  /** By the parameters' digest. */
  keysets: Record<string, Keyset>;
  /** Ids of key sets that the service has been, or is to be, asked to delete. */
  retired: string[];
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
/** Lost uploads of one key that are remembered. */
const MAX_SENT = 8;
/** Ends of an upload after which the service may have stored the key all the same. */
const PERHAPS_STORED = new Set(["unreachable", "refused", "bad-answer", "answer-too-long"]);

export class EvaluationKeys {
  readonly #record: KeysetRecord;
  readonly #save: () => Promise<void>;

  constructor(record: KeysetRecord, save: () => Promise<void>) {
    this.#record = record;
    this.#save = save;
  }

  /** Of the keys that the service has not been sent, as far as this browser knows. */
  cost({ parameters, needs }: ModelInfo): KeyCost {
    const there = this.#record.keysets[parameters.digestHex]?.there ?? {};
    const lacking = needs.filter(({ element, level }) => !((there[element]?.level ?? -1) >= level));
    return {
      keys: lacking.length,
      bytes: lacking.reduce((sum, need) => sum + keyLength(parameters, need.level), 0),
      seconds: lacking.length * (KEY_SECONDS[parameters.n] ?? 0.5),
    };
  }

  /** The key set of a secret key, once `ensure` has been called. */
  keyset(parametersDigest: string): Keyset {
    const keyset = this.#record.keysets[parametersDigest];
    if (keyset === undefined) throw serviceError("keys-missing");
    return keyset;
  }

  /** What the service signs as the keys that a model's program used. */
  async digest(model: ModelInfo, keyset: Keyset): Promise<string> {
    const digests = new Map<number, Uint8Array>();
    for (const { element } of model.needs) {
      const made = keyset.there[element];
      if (made === undefined) throw serviceError("keys-missing");
      digests.set(element, fromHex(made.digest));
    }
    return toHex(await keysetDigest(model.parameters.digest, digests));
  }

  /** Makes and uploads, one at a time, the evaluation keys that the service lacks for a model. */
  async ensure(
    api: Api,
    model: ModelInfo,
    epoch: string,
    make: (need: KeyNeed) => Promise<Bytes>,
    onProgress: (progress: KeyProgress) => void,
  ): Promise<void> {
    try {
      await this.#upload(api, model, epoch, make, onProgress);
    } catch (error) {
      // an upload that a reload left behind has arrived after all: look at what is there once more
      if (!(error instanceof PortalError && error.code === "key-conflict")) throw error;
      await this.#upload(api, model, epoch, make, onProgress);
    }
  }

  async #upload(
    api: Api,
    model: ModelInfo,
    epoch: string,
    make: (need: KeyNeed) => Promise<Bytes>,
    onProgress: (progress: KeyProgress) => void,
  ): Promise<void> {
    const { keyset, missing } = await this.#missing(api, model, epoch);
    const total = model.needs.length;
    let done = total - missing.length;
    let bytes = 0;
    onProgress({ done, total, bytes });
    let next = missing.length > 0 ? make(missing[0]!) : null;
    for (const [index, { element, level }] of missing.entries()) {
      const message = await next!;
      // while this one travels the worker makes the next
      const following = missing[index + 1];
      next = following === undefined ? null : make(following);
      next?.catch(() => undefined);
      const made = { digest: toHex(await sha256(message)), level };
      // kept before it is sent: where the answer gets lost, we still know what we made
      keyset.sent[element] = [...(keyset.sent[element] ?? []), made].slice(-MAX_SENT);
      await this.#save();
      try {
        await api.putKey(keyset.id, element, message);
      } catch (error) {
        const lost = error instanceof PortalError && PERHAPS_STORED.has(error.code);
        if (!lost) {
          keyset.sent[element] = keyset.sent[element].filter((one) => one !== made);
          await this.#save();
        }
        throw error;
      }
      keyset.there[element] = made;
      delete keyset.sent[element];
      bytes += message.length;
      onProgress({ done: ++done, total, bytes });
    }
    if (missing.length > 0) await this.#save();
  }

  async #missing(
    api: Api,
    model: ModelInfo,
    epoch: string,
  ): Promise<{ keyset: Keyset; missing: KeyNeed[] }> {
    const parametersDigest = model.parameters.digestHex;
    const known = this.#record.keysets[parametersDigest];
    if (known !== undefined) {
      const missing = known.epoch === epoch ? await this.#lacking(api, model, known) : null;
      if (missing !== null) return { keyset: known, missing };
      await this.retire(api, parametersDigest);
    }
    const keyset = { id: await api.createKeyset(parametersDigest), epoch, there: {}, sent: {} };
    this.#record.keysets[parametersDigest] = keyset;
    await this.#save();
    return { keyset, missing: model.needs };
  }

  /** What a key set lacks for a model; null if it is gone, or holds a key that we did not make. */
  async #lacking(api: Api, model: ModelInfo, keyset: Keyset): Promise<KeyNeed[] | null> {
    let state;
    try {
      state = await api.keyset(keyset.id, model.name);
    } catch (error) {
      if (error instanceof PortalError && error.code === "unknown-keyset") return null;
      throw error;
    }
    if (state.parametersDigest !== model.parameters.digestHex) throw serviceError("bad-answer");
    const lacks = new Set(state.missing.map((need) => need.element));
    const missing: KeyNeed[] = [];
    for (const need of model.needs) {
      const { element, level } = need;
      const digest = state.present.get(element);
      const known = [...(keyset.sent[element] ?? []), keyset.there[element]];
      const made = known.find((one) => one !== undefined && one.digest === digest);
      if (digest !== undefined && made === undefined) return null;
      if (made === undefined) delete keyset.there[element];
      else keyset.there[element] = made;
      if (made === undefined || lacks.has(element) || made.level < level) missing.push(need);
    }
    await this.#save();
    return missing;
  }

  /** Gives up the key set of parameters whose secret key goes. */
  async retire(api: Api | null, parametersDigest: string): Promise<void> {
    const keyset = this.#record.keysets[parametersDigest];
    if (keyset === undefined) return;
    delete this.#record.keysets[parametersDigest];
    this.#record.retired.push(keyset.id);
    await this.#save();
    if (api !== null) await this.sweep(api);
  }

  async retireAll(): Promise<void> {
    for (const digest of Object.keys(this.#record.keysets)) await this.retire(null, digest);
  }

  /** Has the service delete what was given up; what it does not delete now is tried again later. */
  async sweep(api: Api): Promise<void> {
    for (const id of [...this.#record.retired]) {
      try {
        await api.deleteKeyset(id);
      } catch {
        continue; // in use, or no answer
      }
      this.#record.retired = this.#record.retired.filter((one) => one !== id);
      await this.#save();
    }
  }

  /** Which of the service's key sets this browser does not use. */
  async unused(api: Api): Promise<string[]> {
    const used = new Set(Object.values(this.#record.keysets).map((keyset) => keyset.id));
    return (await api.keysets()).filter((id) => !used.has(id));
  }
}
