// A worker that may be ended at any time, since it keeps nothing that cannot be read again. Decoders
// loop for minutes, or for good, on some damaged files, and nothing but the worker's end stops them.

import { PortalError, inputError } from "../core/errors.ts";
import { connect, type Remote } from "./rpc.ts";

// a frame as large as the portal reads takes a tenth of it, on a slow machine
const LIMIT_MS = 30_000;

export class ReplaceableWorker<T extends object> {
  readonly #start: () => Worker;
  readonly #moved: readonly (keyof T & string)[];
  readonly #limitMs: number;
  #current: { worker: Worker; remote: Remote<T> } | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  #stopped = false;

  constructor(
    start: () => Worker,
    moved: readonly (keyof T & string)[] = [],
    limitMs: number = LIMIT_MS,
  ) {
    this.#start = start;
    this.#moved = moved;
    this.#limitMs = limitMs;
  }

  /**
   * The worker's methods. They run one at a time, so that it is known which one takes too long.
   *
   * Raises: input/takes-too-long, browser/worker-failed. The worker is then ended, and the next call
   * starts another.
   */
  get remote(): Remote<T> {
    return new Proxy({} as Remote<T>, {
      get: (_, method: string) => (...args: unknown[]) => {
        const call = this.#turn.then(() => this.#call(method as keyof T, args));
        this.#turn = call.catch(() => undefined);
        return call;
      },
    });
  }

  /** Ends it for good. */
  stop(): void {
    this.#stopped = true;
    this.#end();
  }

  #end(): void {
    this.#current?.worker.terminate();
    this.#current = null;
  }

  async #call(method: keyof T, args: unknown[]): Promise<unknown> {
    if (this.#stopped) throw new PortalError("browser", "worker-failed");
    this.#current ??= this.#begin();
    const run = this.#current.remote[method] as (...args: unknown[]) => Promise<unknown>;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const seconds = Math.round(this.#limitMs / 1000);
    const tooLong = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(inputError("takes-too-long", { seconds })), this.#limitMs);
    });
    try {
      return await Promise.race([run(...args), tooLong]);
    } catch (error) {
      const code = error instanceof PortalError ? error.code : "";
      if (code === "takes-too-long" || code === "worker-failed") this.#end();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #begin(): { worker: Worker; remote: Remote<T> } {
    const worker = this.#start();
    return { worker, remote: connect<T>(worker, this.#moved) };
  }
}
