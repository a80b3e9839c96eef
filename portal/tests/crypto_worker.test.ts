// The crypto worker's methods with node-seal itself: which key is used, and what a stored one is bound to.

import { readFileSync } from "node:fs";

import { beforeAll, expect, test, vi } from "vitest";

import { writeKeyFile } from "../src/core/ckks/key_file.ts";
import { type StoredKey } from "../src/workers/crypto.ts";

const PRIMES = [68719403009, 8589852673, 137438822401];
const wasm = new URL("../node_modules/node-seal/dist/seal_throws.wasm", import.meta.url);
vi.mock("../src/workers/wasm.ts", () => ({ fetchWasm: async () => readFileSync(wasm) }));

let methods: any;
let vaultKey: CryptoKey;
let key: StoredKey;
const epochOf = (stored: StoredKey): string => Buffer.from(stored.epoch).toString("hex");
const slots = (): Float64Array => new Float64Array(2048).fill(1);

beforeAll(async () => {
  vi.doMock("../src/workers/rpc.ts", () => ({ serve: (served: unknown) => (methods = served) }));
  await import("../src/workers/crypto.ts");
  vaultKey = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  key = await methods.generate(4096, PRIMES, vaultKey);
});

test("another epoch's key is refused by every method", async () => {
  const other = "00".repeat(16);
  const { parametersDigest } = key;
  const message = await methods.encrypt(parametersDigest, epochOf(key), slots(), 2 ** 26, 0);
  const [found] = await methods.decrypt(parametersDigest, epochOf(key), message, 2 ** 26);
  expect(found).toBeCloseTo(1, 3);
  for (const [method, ...args] of [
    ["evaluationKey", 3, 1],
    ["encrypt", slots(), 2 ** 26, 0],
    ["decrypt", message, 2 ** 26],
    ["exportKey", "a passphrase"],
  ]) {
    const asked = methods[method as string](parametersDigest, other, ...args);
    await expect(asked).rejects.toMatchObject({ family: "key", code: "replaced" });
  }
});

test("a stored key is bound to its epoch and parameters", async () => {
  const damaged = { code: "vault-damaged" };
  const epoch = key.epoch.slice().fill(1);
  await expect(methods.load({ ...key, epoch }, vaultKey)).rejects.toMatchObject(damaged);
  const parametersDigest = "00".repeat(32);
  await expect(methods.load({ ...key, parametersDigest }, vaultKey)).rejects.toMatchObject(damaged);
});

test("an imported key is not used before the vault has it", async () => {
  const parameters: any = { n: 4096, primes: PRIMES };
  const rows = PRIMES.map((prime) => new Float64Array(4096).fill(prime - 1));
  const file = await writeKeyFile({ parameters, epoch: new Uint8Array(16).fill(7), rows }, "made elsewhere");
  const imported = await methods.importKey(file, "made elsewhere", vaultKey);
  expect(imported.parametersDigest).toBe(key.parametersDigest);
  await methods.encrypt(key.parametersDigest, epochOf(key), slots(), 2 ** 26, 0);
  await methods.load(imported, vaultKey);
  const asked = methods.encrypt(key.parametersDigest, epochOf(key), slots(), 2 ** 26, 0);
  await expect(asked).rejects.toMatchObject({ code: "replaced" });
  await methods.forget();
  const forgotten = methods.evaluationKey(key.parametersDigest, epochOf(imported), 3, 1);
  await expect(forgotten).rejects.toMatchObject({ code: "not-loaded" });
}, 60_000);
