// A session before a service that loses requests: whose keys an answer is of, and what is kept.

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Session } from "../src/client/session.ts";
import { type Vault } from "../src/client/vault.ts";
import { sha256, toHex } from "../src/core/bytes.ts";
import { checkedParameters } from "../src/core/ckks/parameters.ts";
import { keyError } from "../src/core/errors.ts";

const TOKEN = "sl_0123456789abcdef";
const ELEMENT = 3;
const parameters = await checkedParameters(4096, [68719403009, 8589852673, 137438822401]);
let service: Service;
let kept: Map<string, any>;
let made: number;

/** A service that keeps keys, as far as the calls reach it. */
class Service {
  publicKey = "00".repeat(32);
  loses: string[] = [];
  refuses: number | null = null;
  #made = 0;
  keysets = new Map<string, Map<number, { sha256: string; level: number; bytes: number }>>();
  /** Puts that reach the service only when something else has been asked. */
  late: (() => void)[] = [];

  async answer(path: string, model: string | null, init: RequestInit): Promise<Response> {
    const json = (document: unknown, status = 200): Response =>
      new Response(JSON.stringify(document), { status });
    const method = init.method!;
    if (this.loses.includes(method)) throw new TypeError("lost");
    if (this.refuses !== null) return json({ code: "unauthorized" }, this.refuses);
    if (path === "/v1/service") return json({ version: "1", public_key: this.publicKey });
    if (path === "/v1/models") return json({ models: [] });
    const [, , , id, , element] = path.split("/");
    if (id === undefined) {
      if (method === "GET") return json({ keysets: [...this.keysets.keys()] });
      const made = `k${++this.#made}`;
      this.keysets.set(made, new Map());
      return json({ id: made });
    }
    const keys = this.keysets.get(id);
    if (keys === undefined) return json({ code: "unknown-keyset" }, 404);
    if (method === "DELETE") return json(this.keysets.delete(id));
    if (method === "PUT") {
      const body = new Uint8Array(init.body as ArrayBuffer);
      const key = { sha256: toHex(await sha256(body)), level: body[1]!, bytes: 3 };
      const before = keys.get(Number(element));
      for (const act of this.late.splice(0)) act();
      const now = keys.get(Number(element));
      if (now !== undefined && now.level >= key.level && now !== before) {
        return json({ code: "key-conflict" }, 409);
      }
      keys.set(Number(element), key);
      return json({ sha256: key.sha256 });
    }
    const level = model === "high" ? 2 : 1;
    const there = keys.get(ELEMENT);
    const missing = there === undefined || there.level < level ? { [ELEMENT]: level } : {};
    const present = Object.fromEntries(keys);
    return json({ id, parameters_digest: parameters.digestHex, present, missing });
  }
}

const model = (name: string, level: number): any => ({
  name,
  parameters,
  needs: [{ element: ELEMENT, level }],
});
const LOW = model("low", 1);
const HIGH = model("high", 2);
const nothing = (): void => undefined;

function vault(): Vault {
  const get = async (id: string): Promise<unknown> => structuredClone(kept.get(id) ?? null);
  const put = async (id: string, value: unknown): Promise<void> => void kept.set(id, structuredClone(value));
  return { key: null, getJson: get, getRaw: get, putJson: put, putRaw: put, delete: async (id: string) => kept.delete(id) } as unknown as Vault;
}

const worker = {
  epochs: 0,
  async generate(): Promise<unknown> {
    const epoch = new Uint8Array(16).fill(++worker.epochs);
    return { n: 4096, primes: [...parameters.primes], parametersDigest: parameters.digestHex, epoch };
  },
  load: async () => undefined,
  forget: async () => undefined,
  evaluationKey: async (_: string, __: string, element: number, level: number) => Uint8Array.of(element, level, ++made),
  importKey: () => worker.generate(),
};

const start = async (): Promise<Session> => Session.start(vault(), worker as any, {} as any);
const opened = async (): Promise<Session> => {
  const session = await start();
  await session.setToken(TOKEN);
  return session;
};
const keyset = (): any => kept.get("connection").keysets[parameters.digestHex];

beforeEach(() => {
  service = new Service();
  kept = new Map();
  made = 0;
  vi.stubGlobal("fetch", (url: string, init: RequestInit) => {
    const { pathname, searchParams } = new URL(`http://service${url}`);
    return service.answer(pathname, searchParams.get("model"), init);
  });
  // pauses between attempts are of no interest
  vi.stubGlobal("setTimeout", (act: () => void, ms: number) => {
    if (ms < 10_000) queueMicrotask(act);
    return 0;
  });
});

afterEach(() => vi.unstubAllGlobals());

test("a higher key whose upload is lost is not taken for the one that is there", async () => {
  const session = await opened();
  await session.ensureKeys(LOW, nothing);
  const low = service.keysets.get("k1")!.get(ELEMENT)!.sha256;
  service.loses = ["PUT"];
  await expect(session.ensureKeys(HIGH, nothing)).rejects.toMatchObject({ code: "unreachable" });
  service.loses = [];
  expect(session.keyCost(LOW).keys).toBe(0);
  expect(session.keyCost(HIGH).keys).toBe(1); // the level counts, not the element alone
  await session.ensureKeys(LOW, nothing);
  expect(keyset().there[ELEMENT].digest).toBe(low);
  expect(made).toBe(2); // and nothing was made anew
});

test("an upload whose answer was lost is recognised", async () => {
  const session = await opened();
  const { answer } = service;
  service.answer = async function (this: Service, ...call) {
    const response = await answer.apply(this, call);
    if (call[2].method === "PUT") throw new TypeError("lost");
    return response;
  };
  await expect(session.ensureKeys(HIGH, nothing)).rejects.toMatchObject({ code: "unreachable" });
  service.answer = answer;
  const again = await start(); // as after a reload
  await again.connect();
  await again.ensureKeys(HIGH, nothing);
  expect(made).toBe(1);
  expect(keyset().there[ELEMENT].digest).toBe(service.keysets.get("k1")!.get(ELEMENT)!.sha256);
});

test("a key that this browser did not make is not adopted", async () => {
  const session = await opened();
  await session.ensureKeys(LOW, nothing);
  service.keysets.get("k1")!.set(ELEMENT, { sha256: "ab".repeat(32), level: 1, bytes: 3 });
  await session.ensureKeys(LOW, nothing);
  expect([...service.keysets.keys()]).not.toContain("k1");
  expect(keyset().there[ELEMENT].digest).toBe([...service.keysets.values()][0]!.get(ELEMENT)!.sha256);
});

test("an upload that arrives late is recognised, not refused for good", async () => {
  const session = await opened();
  service.loses = ["PUT"];
  await expect(session.ensureKeys(LOW, nothing)).rejects.toMatchObject({ code: "unreachable" });
  service.loses = [];
  const [sent] = keyset().sent[ELEMENT];
  const arrived = { sha256: sent.digest, level: 1, bytes: 3 };
  service.late.push(() => service.keysets.get("k1")!.set(ELEMENT, arrived));
  await session.ensureKeys(LOW, nothing);
  expect(keyset().there[ELEMENT].digest).toBe(sent.digest);
});

test("a key set that could not be deleted is deleted later", async () => {
  const session = await opened();
  await session.ensureKeys(LOW, nothing);
  service.loses = ["DELETE"];
  await session.deleteKey(parameters.digestHex);
  expect([...service.keysets.keys()]).toEqual(["k1"]);
  service.loses = [];
  const again = await start();
  await again.connect();
  expect(service.keysets.size).toBe(0);
  expect(kept.get("connection").retired).toEqual([]);
});

test("key sets that nothing here uses are listed and deleted", async () => {
  const session = await opened();
  service.keysets.set("orphan", new Map());
  await session.ensureKeys(LOW, nothing);
  expect(await session.unusedKeysets()).toEqual(["orphan"]);
  await session.deleteUnusedKeysets();
  expect([...service.keysets.keys()]).toEqual(["k1"]);
});

test("a secret key in use is neither replaced nor deleted", async () => {
  const session = await opened();
  const { evaluationKey } = worker;
  let go = nothing;
  worker.evaluationKey = async (...call) => {
    await new Promise<void>((resolve) => (go = resolve));
    return evaluationKey(...call);
  };
  const working = session.ensureKeys(LOW, nothing);
  await vi.waitUntil(() => go !== nothing);
  const refused = { family: "key", code: "in-use" };
  await expect(session.deleteKey(parameters.digestHex)).rejects.toMatchObject(refused);
  await expect(session.importKey(new Uint8Array(1), "x")).rejects.toMatchObject(refused);
  go();
  await working;
  worker.evaluationKey = evaluationKey;
  await session.deleteKey(parameters.digestHex);
  expect(kept.has(`secret/${parameters.digestHex}`)).toBe(false);
});

test("a new token is kept while the service is away, and not where it is refused", async () => {
  const session = await opened();
  service.loses = ["GET"];
  await expect(session.setToken(`${TOKEN}2`)).rejects.toMatchObject({ code: "unreachable" });
  expect(kept.get("connection").token).toBe(`${TOKEN}2`);
  service.loses = [];
  service.refuses = 401;
  await expect(session.setToken(`${TOKEN}3`)).rejects.toMatchObject({ code: "unauthorized" });
  expect(kept.get("connection").token).toBe(`${TOKEN}2`);
});

test("the signing key that the operator names is the one that is trusted", async () => {
  const session = await start();
  const changed = { code: "service-key-changed" };
  await expect(session.setToken(TOKEN, "11".repeat(32))).rejects.toMatchObject(changed);
  await expect(session.setToken(TOKEN, "short")).rejects.toMatchObject({ code: "not-a-service-key" });
  await session.setToken(TOKEN, ` ${service.publicKey} `);
  expect(session.isKeyUncompared).toBe(false);
});

test("a mistyped signing key does not take the place of the trusted one", async () => {
  const session = await opened();
  await session.confirmServiceKey();
  const changed = { code: "service-key-changed" };
  await expect(session.setToken(TOKEN, "11".repeat(32))).rejects.toMatchObject(changed);
  expect(session.serviceKey).toBe(service.publicKey);
  expect(kept.get("connection").serviceKey).toBe(service.publicKey);
  // at first contact what the person entered stays: nothing else is trusted by the next try
  kept.delete("connection");
  const fresh = await start();
  await expect(fresh.setToken(TOKEN, "11".repeat(32))).rejects.toMatchObject(changed);
  await expect(fresh.connect()).rejects.toMatchObject(changed);
});

test("a key of the first contact is to be compared once", async () => {
  const session = await opened();
  expect(session.isKeyUncompared).toBe(true);
  await session.confirmServiceKey();
  expect((await start()).isKeyUncompared).toBe(false);
});

test("a damaged record of the service does not lock anyone out", async () => {
  const damaged = { ...vault(), getJson: async () => Promise.reject(keyError("vault-damaged")) };
  const session = await Session.start(damaged as any, worker as any, {} as any);
  expect([session.connectionLost, session.hasToken]).toEqual([true, false]);
});
