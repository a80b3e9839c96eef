// Encryption, evaluation keys and the key file with node-seal itself.

import initialize, { type MainModule } from "node-seal";
import { afterEach, beforeAll, expect, test, vi } from "vitest";

import { passphraseForms, readKeyFile, secretRows, writeKeyFile } from "../src/core/ckks/key_file.ts";
import { multiplyMod } from "../src/core/ckks/modular.ts";
import { checkedParameters, stepOfElement, type Parameters } from "../src/core/ckks/parameters.ts";
import { SecretKeys } from "../src/core/ckks/secret_keys.ts";
import { seedKey, uniformResidues } from "../src/core/ckks/uniform.ts";

// wdbc-logistic's: N = 4096, 36, 33 and 37 bits
const PRIMES = [68719403009, 8589852673, 137438822401];
// N = 16384, as the large models have it
const LARGE_PRIMES = [
  35184370941953, 1099506352129, 1099506515969, 1099507695617, 1099508121601, 1099510054913,
  35184371138561,
];
let parameters: Parameters;
let seal: MainModule;
let keys: SecretKeys;

beforeAll(async () => {
  parameters = await checkedParameters(4096, PRIMES);
  seal = await initialize();
  keys = SecretKeys.generate(seal, parameters);
});

afterEach(() => vi.restoreAllMocks());

test("multiplication modulo 50-bit primes", () => {
  const prime = 1125899906826241; // the largest of 50 bits for N = 8192
  for (let i = 1; i < 2000; i++) {
    const left = Math.floor(prime / i) - (i % 3);
    const right = prime - i * 7919;
    expect(multiplyMod(left, right, prime)).toBe(
      Number((BigInt(left) * BigInt(right)) % BigInt(prime)),
    );
  }
});

test.each([0, 1])("what is encrypted at level %i is decrypted", async (level) => {
  const values = Float64Array.from({ length: 2048 }, (_, i) => Math.sin(i));
  const fresh = await keys.encrypt(values, 2 ** 26, level);
  const seed = await seedKey(fresh.seed);
  const c1 = await Promise.all(
    fresh.c0.map((_, i) => uniformResidues(seed, parameters.primes[i]!, 4096, 0, i)),
  );
  const decrypted = keys.decrypt([fresh.c0, c1], 2 ** 26);
  const worst = Math.max(...decrypted.map((value, i) => Math.abs(value - values[i]!)));
  expect(worst).toBeLessThan(1e-3);
  expect(worst).toBeGreaterThan(0);
});

test("every encryption and key has a seed of its own", async () => {
  const zeros = new Float64Array(2048);
  const seeds = [
    (await keys.encrypt(zeros, 2 ** 26, 1)).seed,
    (await keys.encrypt(zeros, 2 ** 26, 1)).seed,
    (await keys.evaluationKey(3, 1)).seed,
    (await keys.evaluationKey(3, 1)).seed,
  ];
  expect(new Set(seeds.map(String)).size).toBe(seeds.length);
});

test("an evaluation key encrypts the rotated secret with a small error", async () => {
  const level = 1;
  const element = 9;
  const key = await keys.evaluationKey(element, level);
  expect(stepOfElement(element, 4096)).toBe(2);
  const secret = keys.unsafeSecretRows();
  const special = parameters.primes.length - 1;
  const p = parameters.primes[special]!;
  const seed = await seedKey(key.seed);
  // modulo P the term P·s' vanishes: b + a·s is the error alone, small in coefficient form; modulo
  // q_digit it is not. In NTT form smallness is not visible, but zero would be, and so is the ring.
  for (const [digit, rows] of key.digits.entries()) {
    expect(rows.length).toBe(level + 2);
    const a = await uniformResidues(seed, p, 4096, digit, special);
    const error = rows[level + 1]!.map((b, i) => (b + multiplyMod(a[i]!, secret[special]![i]!, p)) % p);
    expect(error.some((value) => value !== 0)).toBe(true);
    expect(rows.every((row, i) => row.every((v) => v < [...PRIMES.slice(0, 2), p][i]!))).toBe(true);
  }
});

test("the key file, and a wrong passphrase", async () => {
  const { epoch } = keys;
  const rows = [...keys.unsafeSecretRows()];
  const file = await writeKeyFile({ parameters, epoch, rows }, "a passphrase");
  const again = await readKeyFile(file, "a passphrase");
  expect(again.rows).toEqual(rows);
  expect(again.epoch).toEqual(epoch);
  await expect(readKeyFile(file, "another")).rejects.toMatchObject({ code: "wrong-key-file-passphrase" });
  const changed = file.slice();
  changed[30]! ^= 1;
  await expect(readKeyFile(changed, "a passphrase")).rejects.toMatchObject({ family: "key" });
}, 60_000);

/** Keeps hold of every file that SEAL writes. */
function watchFiles(...kinds: string[]): Uint8Array[] {
  const files: Uint8Array[] = [];
  for (const kind of kinds) {
    const { prototype } = (seal as any)[kind];
    const { saveToArray } = prototype;
    vi.spyOn(prototype, "saveToArray").mockImplementation(function (this: unknown, ...call) {
      files.push(saveToArray.apply(this, call));
      return files.at(-1);
    });
  }
  return files;
}

test("no file of SEAL's outlives its reading", async () => {
  const files = watchFiles("SecretKey", "Ciphertext", "GaloisKeys", "RelinKeys");
  const own = SecretKeys.generate(seal, parameters);
  await own.encrypt(new Float64Array(2048), 2 ** 26, 1);
  await own.evaluationKey(3, 1);
  await own.evaluationKey(0, 1);
  expect(files.length).toBe(4);
  expect(files.map((file) => file.some((byte) => byte !== 0))).toEqual([false, false, false, false]);
  own.destroy();
});

test("a key that is taken away in the middle encrypts nothing", async () => {
  const own = SecretKeys.generate(seal, parameters);
  const working = [own.encrypt(new Float64Array(2048), 2 ** 26, 1), own.evaluationKey(3, 1)];
  own.destroy();
  own.destroy();
  for (const work of working) await expect(work).rejects.toMatchObject({ code: "not-loaded" });
  expect(() => own.decrypt([[], []], 1)).toThrow("not-loaded");
});

test("residues that are none leave nothing behind", () => {
  const bytes = new Uint8Array(8 * 4096 * 3).fill(255);
  expect(() => secretRows(bytes, parameters)).toThrow("key-file-header");
  expect(bytes.every((byte) => byte === 0)).toBe(true);
});

test("a passphrase is the same however its letters are composed", async () => {
  const { epoch } = keys;
  const file = await writeKeyFile({ parameters, epoch, rows: [...keys.unsafeSecretRows()] }, "cafe\u0301 passphrase");
  expect((await readKeyFile(file, "caf\u00e9 passphrase")).epoch).toEqual(epoch);
  expect(passphraseForms("cafe\u0301")).toEqual(["caf\u00e9", "cafe\u0301"]);
  expect(passphraseForms("cafe")).toEqual(["cafe"]);
}, 60_000);

test("the key file of a large ring, after its keys have grown the memory", async () => {
  const large = await checkedParameters(16384, LARGE_PRIMES);
  const own = SecretKeys.generate(seal, large);
  const before = own.unsafeSecretRows().map((row) => row.slice());
  await own.evaluationKey(3, large.primes.length - 2);
  const file = await writeKeyFile({ parameters: large, epoch: own.epoch, rows: [...own.unsafeSecretRows()] }, "a passphrase");
  const again = await readKeyFile(file, "a passphrase");
  expect(again.parameters.digestHex).toBe(large.digestHex);
  expect(again.rows.map(String)).toEqual(before.map(String));
  // and the key that is read decrypts what the first one encrypted
  const values = Float64Array.from({ length: 8192 }, (_, i) => Math.cos(i));
  const fresh = await own.encrypt(values, 2 ** 26, 1);
  const seed = await seedKey(fresh.seed);
  const c1 = await Promise.all(
    fresh.c0.map((_, i) => uniformResidues(seed, large.primes[i]!, 16384, 0, i)),
  );
  const reader = new SecretKeys(seal, large, again.rows, again.epoch);
  const decrypted = reader.decrypt([fresh.c0, c1], 2 ** 26);
  const worst = Math.max(...decrypted.map((value, i) => Math.abs(value - values[i]!)));
  expect(worst).toBeLessThan(1e-2);
}, 120_000);

test("a secret that SEAL does not take is overwritten", () => {
  const rows = PRIMES.slice(1).map(() => new Float64Array(4096).fill(5));
  expect(() => new SecretKeys(seal, parameters, rows, new Uint8Array(16))).toThrow();
  expect(rows.every((row) => row.every((value) => value === 0))).toBe(true);
});
