// One HTTP request and its answer: retried where that is safe, read only as far as it may go.
//
// Security: nothing that follows from a decryption goes through here.

import { concat, sha256, toBase64, toHex, type Bytes } from "../bytes.ts";
import { PortalError, serviceError } from "../errors.ts";
import { SILENCE_MS, uploadSilenceMs, Watchdog } from "./watchdog.ts";

const MAX_JSON_BYTES = 4 * 2 ** 20;
const ATTEMPTS = 5;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5000;
// 503: stopping or overfull, 429: too fast; both may say when to come again
const COME_AGAIN = [429, 503];
/** Refusals with a sentence of their own in the page; all others share one. */
const KNOWN_CODES = new Set([
  "unauthorized",
  "unknown-model",
  "unknown-keyset",
  "unknown-inference",
  "keys-missing",
  "key-conflict",
  "keyset-in-use",
  "model-mismatch",
  "quota-keysets",
  "quota-key-bytes",
  "quota-jobs",
  "quota-streams",
  "rate-limited",
  "shutting-down",
  "access-denied",
  "level-too-low",
  "level-not-served",
  "audit-unavailable",
]);

export interface Content {
  type: "application/json" | "application/octet-stream";
  body: Bytes;
  onProgress?: ((part: number) => void) | undefined;
}

export class Exchange {
  readonly url: string;
  readonly #token: string;

  /** @param url Of the service, without a slash at its end; "" for the one that sent this page. */
  constructor(url: string, token: string) {
    if (!/^[A-Za-z0-9._~+/=-]{16,200}$/.test(token)) throw serviceError("not-a-token");
    this.url = url;
    this.#token = token;
  }

  async json(method: string, path: string, content?: Content, once = false): Promise<unknown> {
    const body = await this.bytes(method, path, MAX_JSON_BYTES, content, once);
    if (body.bytes.length === 0) return null;
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body.bytes));
    } catch {
      throw serviceError("bad-answer");
    }
  }

  /**
   * Sends a request and reads its answer, at most `maxBytes` long. A failed connection is tried again;
   * one that stays silent is not, as the person has waited long enough.
   * @param once Whether a lost answer must not be asked for again.
   */
  async bytes(
    method: string,
    path: string,
    maxBytes: number,
    content?: Content,
    once = false,
  ): Promise<{ bytes: Bytes; headers: Headers }> {
    let pause = FIRST_PAUSE_MS;
    for (let attempt = 1; ; attempt++) {
      const last = attempt === ATTEMPTS;
      const isUpload = content?.type === "application/octet-stream";
      const watch = new Watchdog(isUpload ? uploadSilenceMs(content.body.length) : SILENCE_MS);
      try {
        const response = await this.open(method, path, watch, content);
        const asked = COME_AGAIN.includes(response.status) ? retryAfterMs(response) : null;
        if (last || asked === null || asked > LONGEST_PAUSE_MS) {
          return await readAnswer(response, maxBytes, watch);
        }
        await response.body?.cancel();
        pause = Math.max(pause, asked);
      } catch (error) {
        if (watch.isSilent) throw serviceError("unreachable");
        // fetch tells every failure of the network by a TypeError
        if (!(error instanceof TypeError)) throw error;
        if (last || once) throw serviceError("unreachable");
      } finally {
        watch.stop();
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(pause, LONGEST_PAUSE_MS)));
      pause *= 2;
    }
  }

  /** An answer that is not read yet; `watch` goes on watching its body. */
  async open(
    method: string,
    path: string,
    watch: Watchdog,
    content?: Content,
  ): Promise<Response> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#token}` };
    if (content !== undefined) {
      headers["Content-Type"] = content.type;
      if (content.type === "application/octet-stream") {
        headers["Content-Digest"] = `sha-256=:${toBase64(await sha256(content.body))}:`;
        if ("XMLHttpRequest" in globalThis) {
          return uploaded(method, this.url + path, headers, content, watch);
        }
      }
    }
    const response = await fetch(this.url + path, {
      method,
      headers,
      ...(content === undefined ? {} : { body: content.body }),
      signal: watch.signal,
      cache: "no-store",
      credentials: "omit",
      redirect: "error", // the token goes to this service only
      referrerPolicy: "no-referrer",
    });
    watch.alive();
    return response;
  }
}

/** fetch does not tell how much it has sent; XMLHttpRequest does. */
function uploaded(
  method: string,
  url: string,
  headers: Record<string, string>,
  { body, onProgress }: Content,
  watch: Watchdog,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open(method, url);
    request.responseType = "arraybuffer";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    watch.signal.addEventListener("abort", () => {
      reject(watch.signal.reason);
      request.abort();
    });
    request.upload.onprogress = (event) => {
      watch.alive();
      onProgress?.(event.loaded / body.length);
    };
    request.onprogress = (event) => {
      watch.alive();
      if (event.loaded <= MAX_JSON_BYTES) return;
      reject(serviceError("answer-too-long"));
      request.abort();
    };
    request.onerror = () => reject(new TypeError("the connection failed"));
    request.onload = () => {
      const retry = request.getResponseHeader("Retry-After");
      resolve(
        new Response(request.response as ArrayBuffer, {
          status: request.status,
          headers: retry === null ? {} : { "Retry-After": retry },
        }),
      );
    };
    request.send(body);
  });
}

async function readAnswer(
  response: Response,
  maxBytes: number,
  watch: Watchdog,
): Promise<{ bytes: Bytes; headers: Headers }> {
  const bytes = await readBounded(response, response.ok ? maxBytes : MAX_JSON_BYTES, watch);
  if (!response.ok) throw refusal(response.status, bytes);
  return { bytes, headers: response.headers };
}

/** The body, read only as far as it may go; an announced length may be that of a compressed body. */
export async function readBounded(
  response: Response,
  limit: number,
  watch: Watchdog,
): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    watch.alive();
    size += value.length;
    if (size > limit) {
      await reader.cancel();
      throw serviceError("answer-too-long");
    }
    parts.push(value);
  }
  return concat(...parts);
}

export function refusal(status: number, body: Uint8Array): PortalError {
  if (status === 507) return serviceError("storage-full");
  if (status >= 500 && status !== 503) return serviceError("failed", { status });
  let code: unknown;
  try {
    code = JSON.parse(new TextDecoder().decode(body)).code;
  } catch {
    code = undefined;
  }
  if (typeof code === "string" && KNOWN_CODES.has(code)) return serviceError(code);
  const said = typeof code === "string" && /^[a-z0-9-]{1,40}$/.test(code) ? code : "unknown";
  return serviceError("refused", { status, code: said });
}

function retryAfterMs(response: Response): number | null {
  const text = response.headers.get("Retry-After") ?? "";
  return /^[0-9]{1,5}$/.test(text) ? 1000 * Number(text) : null;
}

/** Whether bytes have the digest that a Content-Digest header announces (RFC 9530). */
export async function hasDigest(bytes: Bytes, header: string | null): Promise<boolean> {
  const match = /^sha-256=:([A-Za-z0-9+/=]{44}):$/.exec(header ?? "");
  if (match === null) return false;
  const announced = Uint8Array.from(atob(match[1]!), (character) => character.charCodeAt(0));
  return toHex(announced) === toHex(await sha256(bytes));
}
