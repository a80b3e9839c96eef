// Calls across a worker's boundary: a method's name and arguments go in, a value or an error's code
// comes out. Buffers inside a value move instead of being copied.

import { PortalError, fromMessage, toMessage, type ErrorMessage } from "../core/errors.ts";

type Methods = Record<string, (...args: never[]) => unknown>;

/** The same methods, seen from the other side. */
export type Remote<T> = {
  [K in keyof T]: T[K] extends (...args: infer A) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

interface Call {
  id: number;
  method: string;
  args: unknown[];
}

type Reply = { id: number; value: unknown } | { id: number; error: ErrorMessage };

export function serve(methods: Methods): void {
  const scope = self as unknown as DedicatedWorkerGlobalScope;
  scope.onmessage = async (event: MessageEvent<Call>) => {
    const { id, method, args } = event.data;
    try {
      if (!Object.hasOwn(methods, method)) throw new RangeError("no such method");
      const value = await (methods[method] as (...a: unknown[]) => unknown)(...args);
      // there may be no memory for a large answer: that too must reach the caller
      scope.postMessage({ id, value } satisfies Reply, buffersOf(value));
    } catch (error) {
      scope.postMessage({ id, error: toMessage(error) } satisfies Reply);
    }
  };
}

/**
 * Calls to a worker. One that has died is not waited for: every call is refused at once.
 *
 * Args: the buffers in the arguments of `moved` methods move, so the caller has them no more.
 *
 * Raises: browser/worker-failed, from each call, once the worker could not be started or has died.
 */
export function connect<T extends object>(
  worker: Worker,
  moved: readonly (keyof T & string)[] = [],
): Remote<T> {
  const waiting = new Map<number, { resolve: (v: any) => void; reject: (e: unknown) => void }>();
  let last = 0;
  let dead = false;
  worker.onmessage = (event: MessageEvent<Reply>) => {
    const reply = event.data;
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ("error" in reply) call?.reject(fromMessage(reply.error));
    else call?.resolve(reply.value);
  };
  worker.onerror = worker.onmessageerror = () => {
    dead = true;
    for (const call of waiting.values()) call.reject(failed());
    waiting.clear();
  };
  return new Proxy({} as Remote<T>, {
    get: (_, method: string) => (...args: unknown[]) =>
      new Promise((resolve, reject) => {
        if (dead) throw failed();
        const id = ++last;
        const moves = (moved as readonly string[]).includes(method) ? buffersOf(args) : [];
        worker.postMessage({ id, method, args } satisfies Call, moves);
        waiting.set(id, { resolve, reject });
      }),
  });
}

const failed = (): PortalError => new PortalError("browser", "worker-failed");

function buffersOf(value: unknown): Transferable[] {
  const found = new Set<ArrayBuffer>();
  const visit = (part: unknown): void => {
    if (ArrayBuffer.isView(part)) {
      if (part.buffer instanceof ArrayBuffer) found.add(part.buffer);
    } else if (Array.isArray(part)) {
      part.forEach(visit);
    } else if (part !== null && typeof part === "object" && part.constructor === Object) {
      Object.values(part).forEach(visit);
    }
  };
  visit(value);
  return [...found];
}
