// Calls across a worker's boundary: a method's name and arguments go in, a value or an error's code
// comes out. Buffers inside a value move instead of being copied.

import { fromMessage, toMessage, type ErrorMessage } from "../core/errors.ts";

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
    let reply: Reply;
    try {
      if (!Object.hasOwn(methods, method)) throw new RangeError("no such method");
      reply = { id, value: await (methods[method] as (...a: unknown[]) => unknown)(...args) };
    } catch (error) {
      reply = { id, error: toMessage(error) };
    }
    scope.postMessage(reply, "value" in reply ? buffersOf(reply.value) : []);
  };
}

export function connect<T extends object>(worker: Worker): Remote<T> {
  const waiting = new Map<number, { resolve: (v: any) => void; reject: (e: unknown) => void }>();
  let last = 0;
  worker.onmessage = (event: MessageEvent<Reply>) => {
    const reply = event.data;
    const call = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ("error" in reply) call?.reject(fromMessage(reply.error));
    else call?.resolve(reply.value);
  };
  worker.onerror = () => {
    const error = { family: "browser", code: "worker-failed", values: {} } as const;
    for (const call of waiting.values()) call.reject(fromMessage(error));
    waiting.clear();
  };
  return new Proxy({} as Remote<T>, {
    get: (_, method: string) => (...args: unknown[]) =>
      new Promise((resolve, reject) => {
        const id = ++last;
        waiting.set(id, { resolve, reject });
        worker.postMessage({ id, method, args } satisfies Call);
      }),
  });
}

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
