// Work of which only the latest request matters.

/** Runs one request at a time; of those that come meanwhile, only the newest is run after it. */
export class Newest<T> {
  readonly #run: (request: T) => Promise<void>;
  #running = false;
  #next: { request: T } | null = null;

  /** @param run - what a request does; it handles its own errors. */
  constructor(run: (request: T) => Promise<void>) {
    this.#run = run;
  }

  ask(request: T): void {
    this.#next = { request };
    if (!this.#running) void this.#work();
  }

  async #work(): Promise<void> {
    this.#running = true;
    try {
      while (this.#next !== null) {
        const { request } = this.#next;
        this.#next = null;
        await this.#run(request);
      }
    } finally {
      this.#running = false;
    }
  }
}
