// The calls of a service's API, typed (docs/http-api.md).

import { ascii, sha256, toHex, type Bytes } from "../bytes.ts";
import { PortalError, serviceError } from "../errors.ts";
import * as answers from "./answers.ts";
import { type Job, type KeysetState, type ModelInfo, type ServiceInfo } from "./answers.ts";
import { readEvents } from "./event_stream.ts";
import { Exchange, hasDigest, readBounded, refusal } from "./exchange.ts";
import { SILENCE_MS, Watchdog } from "./watchdog.ts";

// A service that starts compiles its models first.
const RESTART_MS = 60_000;
// of a refusal to send events
const MAX_REFUSAL_BYTES = 2 ** 16;
const POLL_FIRST_MS = 50;
const POLL_LONGEST_MS = 2000;

export interface WaitOptions {
  onProgress?: (job: Job) => void;
  /** Called when the service does not answer, and again each time it is asked in vain. */
  onSilence?: () => void;
  signal?: AbortSignal;
  /** How long to wait for a service that does not answer. */
  restartMs?: number;
}

export class Api {
  readonly #exchange: Exchange;
  #eventsWork = true;

  constructor(url: string, token: string) {
    this.#exchange = new Exchange(url, token);
  }

  get url(): string {
    return this.#exchange.url;
  }

  async service(): Promise<ServiceInfo> {
    const document = await this.#exchange.json("GET", "/v1/service");
    return answers.reading(() => answers.serviceInfo(document));
  }

  async models(): Promise<{ name: string; onCiphertext: boolean }[]> {
    const document = await this.#exchange.json("GET", "/v1/models");
    return answers.reading(() => answers.modelList(document));
  }

  async model(name: string): Promise<ModelInfo> {
    const document = await this.#exchange.json("GET", `/v1/models/${segment(name)}`);
    return answers.reading(() => answers.modelInfo(document, name));
  }

  async createKeyset(parametersDigest: string): Promise<string> {
    const body = ascii(JSON.stringify({ parameters_digest: parametersDigest }));
    const content = { type: "application/json", body } as const;
    // a lost answer may have made one: better to ask the person again
    const document = await this.#exchange.json("POST", "/v1/keysets", content, true);
    return answers.reading(() => answers.keysetId(document));
  }

  /** Ids of the key sets of this token. */
  async keysets(): Promise<string[]> {
    const document = await this.#exchange.json("GET", "/v1/keysets");
    return answers.reading(() => answers.keysetIds(document));
  }

  async keyset(id: string, model: string): Promise<KeysetState> {
    const path = `/v1/keysets/${segment(id)}?model=${segment(model)}`;
    const document = await this.#exchange.json("GET", path);
    return answers.reading(() => answers.keysetState(document));
  }

  /** Uploads one key; the same one again changes nothing. Gives its SHA-256. */
  async putKey(
    keyset: string,
    element: number,
    message: Bytes,
    onProgress?: (part: number) => void,
  ): Promise<string> {
    const path = `/v1/keysets/${segment(keyset)}/keys/${answers.elementName(element)}`;
    const content = { type: "application/octet-stream", body: message, onProgress } as const;
    const document = (await this.#exchange.json("PUT", path, content)) as any;
    const digest = toHex(await sha256(message));
    if (document?.sha256 !== digest) throw serviceError("stored-another-key");
    return digest;
  }

  async deleteKeyset(id: string): Promise<void> {
    await this.#delete(`/v1/keysets/${segment(id)}`, "unknown-keyset");
  }

  async submit(
    model: string,
    keyset: string,
    request: Bytes,
    onProgress?: (part: number) => void,
  ): Promise<Job> {
    const path = `/v1/inferences?model=${segment(model)}&keyset=${segment(keyset)}`;
    const content = { type: "application/octet-stream", body: request, onProgress } as const;
    const document = await this.#exchange.json("POST", path, content);
    return answers.reading(() => answers.job(document));
  }

  async job(id: string): Promise<Job> {
    const document = await this.#exchange.json("GET", `/v1/inferences/${segment(id)}`);
    return this.#jobOf(document, id);
  }

  /** The signed result, whole as announced; not verified yet. */
  async result(id: string, maxBytes: number): Promise<Bytes> {
    const path = `/v1/inferences/${segment(id)}/result`;
    const { bytes, headers } = await this.#exchange.bytes("GET", path, maxBytes);
    if (!(await hasDigest(bytes, headers.get("Content-Digest")))) {
      throw serviceError("result-damaged");
    }
    return bytes;
  }

  /** Cancels an inference, or makes the service forget a finished one. */
  async forget(id: string): Promise<void> {
    await this.#delete(`/v1/inferences/${segment(id)}`, "unknown-inference");
  }

  /** The job once it is done. A service that stops keeps what it accepted, so a restart is awaited. */
  async wait(id: string, options: WaitOptions = {}): Promise<Job> {
    let pause = POLL_FIRST_MS;
    let heard = performance.now();
    const onHeard = (): void => void (heard = performance.now());
    for (;;) {
      options.signal?.throwIfAborted();
      let job: Job | null = null;
      try {
        if (this.#eventsWork) job = await this.#follow(id, options, onHeard);
        job ??= await this.job(id);
        onHeard();
      } catch (error) {
        const gone =
          error instanceof PortalError && ["unreachable", "shutting-down"].includes(error.code);
        if (!gone || performance.now() > heard + (options.restartMs ?? RESTART_MS)) throw error;
        options.onSilence?.();
      }
      if (job !== null) {
        if (job.status === "done") return job;
        if (job.status === "failed") throw failed(job.code ?? "");
        if (job.status === "cancelled") throw serviceError("job-cancelled");
        options.onProgress?.(job);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(1.5 * pause, POLL_LONGEST_MS);
    }
  }

  /** Follows the events to the end; null if they broke off. */
  async #follow(id: string, options: WaitOptions, onHeard: () => void): Promise<Job | null> {
    const path = `/v1/inferences/${segment(id)}/events`;
    const watch = new Watchdog(SILENCE_MS, options.signal);
    try {
      const response = await this.#exchange.open("GET", path, watch);
      if (!response.ok || response.body === null) {
        const said = await readBounded(response, MAX_REFUSAL_BYTES, watch);
        const error = refusal(response.status, said);
        if (error.code === "unauthorized" || error.code === "unknown-inference") throw error;
        // too many streams, or a proxy that knows none: polling works as well
        if (response.status < 500 && response.status !== 429) this.#eventsWork = false;
        return null;
      }
      const onBytes = (): void => {
        watch.alive();
        onHeard();
      };
      for await (const event of readEvents(response.body, onBytes)) {
        const job = await this.#jobOf(JSON.parse(event.data), id);
        if (job.status !== "queued" && job.status !== "running") return job;
        options.onProgress?.(job);
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof PortalError) throw error;
    } finally {
      watch.stop();
    }
    if (watch.isSilent) {
      this.#eventsWork = false; // a proxy may hold events back: asking will tell
      options.onSilence?.();
    }
    return null;
  }

  async #jobOf(document: unknown, id: string): Promise<Job> {
    const job = await answers.reading(() => answers.job(document));
    if (job.id !== id) throw serviceError("bad-answer");
    return job;
  }

  async #delete(path: string, goneCode: string): Promise<void> {
    try {
      await this.#exchange.bytes("DELETE", path, 2 ** 16);
    } catch (error) {
      // gone already: an earlier attempt did it
      if (!(error instanceof PortalError) || error.code !== goneCode) throw error;
    }
  }
}

/** Names and ids of ours; anything else could point elsewhere in the address. */
function segment(name: string): string {
  if (!/^(?!\.)[A-Za-z0-9._-]{1,128}$/.test(name)) throw serviceError("bad-answer");
  return name;
}

function failed(code: string): PortalError {
  return code === "storage-full" ? serviceError("job-storage-full") : serviceError("job-failed", { code });
}
