// Ends what gives no sign of life. A connection that a changed network, a sleeping computer or a
// proxy has lost is not closed: without a limit whoever waits on it waits for good.

/** Without a byte of an answer for this long a connection counts as lost. */
export const SILENCE_MS = 30_000;
/** The same once the browser has taken all that is to be sent. */
const UPLOAD_SILENCE_MS = 60_000;
/** The slowest upload that the service accepts (its MIN_BODY_BYTES_PER_S). */
const SLOWEST_BYTES_PER_S = 32_768;

/** How long an upload may be silent: all that the browser took may still be on its way. */
export const uploadSilenceMs = (bytes: number): number =>
  UPLOAD_SILENCE_MS + (1000 * bytes) / SLOWEST_BYTES_PER_S;

export class Watchdog {
  readonly #controller = new AbortController();
  readonly #ms: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #silent = false;

  /** @param outer Ends the same thing for another reason. */
  constructor(ms: number, outer?: AbortSignal) {
    this.#ms = ms;
    const follow = (): void => this.#controller.abort(outer!.reason);
    if (outer?.aborted) follow();
    outer?.addEventListener("abort", follow, { once: true, signal: this.#controller.signal });
    this.alive();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether silence was the end. */
  get isSilent(): boolean {
    return this.#silent;
  }

  /** There was a sign of life. */
  alive(): void {
    clearTimeout(this.#timer);
    if (this.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#silent = true;
      this.#controller.abort(new TypeError("no sign of life"));
    }, this.#ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
