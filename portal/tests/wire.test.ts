// The wire format against tests/vectors/wire.json, which the Python reader is tested with as well.

import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { ascii, concat, fromHex, sha256, toHex, type Bytes } from "../src/core/bytes.ts";
import { doublesToWords } from "../src/core/ckks/modular.ts";
import { checkedParameters, type Parameters } from "../src/core/ckks/parameters.ts";
import { seedKey, uniformResidues } from "../src/core/ckks/uniform.ts";
import { PortalError } from "../src/core/errors.ts";
import { ciphertextLength, decodeCiphertext, encodeCiphertext } from "../src/core/wire/ciphertext.ts";
import { encodeKey, keysetDigest } from "../src/core/wire/key.ts";
import { packRow, unpackRow } from "../src/core/wire/packing.ts";
import { encodeRequest } from "../src/core/wire/request.ts";
import { openResult } from "../src/core/wire/result.ts";

const root = new URL("../..", import.meta.url);
const read = (path: string): any => JSON.parse(readFileSync(new URL(path, root), "utf8"));
const vectors = read("tests/vectors/wire.json");
const { service_key } = read("portal/vectors/python.json");
const { messages, scale } = vectors;

const CLASSES: Record<string, string[]> = {
  TruncatedError: ["wire/truncated"],
  TrailingBytesError: ["wire/trailing-bytes"],
  MalformedError: ["wire/malformed"],
  UnsupportedVersionError: ["wire/unsupported-version"],
  ParameterMismatchError: ["wire/parameter-mismatch"],
  ResidueRangeError: ["wire/residue-range"],
  MisbehavingServiceError: ["service/false-signature", "service/another-answer"],
};

const named = (name: string): Promise<Bytes> => sha256(ascii(name));
const rows = async (parameters: Parameters, name: string, digit: number, indices: number[]) => {
  const key = await seedKey(await named(name));
  return Promise.all(
    indices.map((i) => uniformResidues(key, parameters.primes[i]!, parameters.n, digit, i)),
  );
};
const parameters = await checkedParameters(vectors.parameters.n, vectors.parameters.primes);

const seeded = encodeCiphertext(parameters, {
  level: 1,
  scale,
  seed: await named("component 1"),
  c0: await rows(parameters, "component 0", 0, [0, 1]),
});

async function fullCiphertext(level: number, header: Bytes): Promise<Bytes> {
  const indices = [...Array(level + 1).keys()];
  const out = new Uint8Array(ciphertextLength(parameters, level, false));
  out.set(header);
  let offset = 64;
  for (const name of ["component 0", "component 1"]) {
    for (const [i, row] of (await rows(parameters, name, 0, indices)).entries()) {
      offset = packRow(row, parameters.primes[i]!, out, offset);
    }
  }
  return out;
}

const full = await fullCiphertext(1, fromHex(messages["ciphertext-full"].header));

async function resultMessage(): Promise<Bytes> {
  const header = fromHex(messages.result.header);
  const inner = fromHex(messages["ciphertext-full"].header);
  inner[49] = 0;
  new DataView(inner.buffer).setUint32(8, ciphertextLength(parameters, 0, false), true);
  return concat(header, await fullCiphertext(0, inner));
}

const made: Record<string, Bytes> = {
  "ciphertext-seeded": seeded,
  "ciphertext-full": full,
  result: await resultMessage(),
};
const expected = {
  requestDigest: toHex(await named("request")),
  modelDigest: toHex(await named("model")),
  programDigest: toHex(await named("program")),
  parametersDigest: parameters.digestHex,
  keysDigest: toHex(await named("keys")),
};
const decoders: Record<string, (data: Bytes) => Promise<unknown>> = {
  "ciphertext-seeded": (data) => decodeCiphertext(data, parameters, 1, scale),
  "ciphertext-full": (data) => decodeCiphertext(data, parameters, 1, scale),
  result: (data) => openResult(data, fromHex(service_key), expected),
};

test("the proof of a result can be checked by whoever has the service's key", async () => {
  const { statement, proof } = await openResult(made.result!, fromHex(service_key), expected);
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), fromHex(service_key)]);
  const key = createPublicKey({ key: der, format: "der", type: "spki" });
  const signed = Buffer.concat([Buffer.from("safelight result v1\0"), fromHex(proof.statement)]);
  expect(verify(null, signed, key, fromHex(proof.signature))).toBe(true);
  expect(proof.statement.startsWith(statement.requestDigest + statement.modelDigest)).toBe(true);
});

test("digest of parameters", () => {
  expect(parameters.digestHex).toBe(vectors.parameters.digest);
});

test("residues packed to bits", () => {
  const { bits, values, packed } = vectors.packing;
  const prime = 2 ** bits - 1; // only its size matters here
  const out = new Uint8Array((values.length * bits) / 8);
  packRow(Float64Array.from(values), prime, out, 0);
  expect(toHex(out)).toBe(packed);
  expect([...unpackRow(fromHex(packed), 0, values.length, prime)]).toEqual(values);
});

test.each(vectors.uniform as any[])("uniform residues $digit $prime_index", async (vector) => {
  const key = await seedKey(fromHex(vector.seed));
  const n = vectors.parameters.n;
  const row = await uniformResidues(key, vector.prime, n, vector.digit, vector.prime_index);
  expect([...row.subarray(0, 4)]).toEqual(vector.first);
  const bytes = new Uint8Array(8 * n);
  doublesToWords(row, bytes);
  expect(toHex(await sha256(bytes))).toBe(vector.sha256_of_u64);
});

test("digest of a key set", async () => {
  const { parameters_digest, keys, digest } = vectors.keyset;
  const digests = new Map(Object.entries(keys).map(([e, hex]) => [Number(e), fromHex(hex as string)]));
  expect(toHex(await keysetDigest(fromHex(parameters_digest), digests))).toBe(digest);
});

test.each(Object.keys(made))("%s is Python's message", async (name) => {
  expect(made[name]!.length).toBe(messages[name].bytes);
  expect(toHex(await sha256(made[name]!))).toBe(messages[name].sha256);
  await decoders[name]!(made[name]!);
});

test("a seeded key is Python's message", async () => {
  const digits = [await rows(parameters, "key b", 0, [0, 2])];
  const seed = await named("key a");
  const message = encodeKey(parameters, { element: 3, level: 0, seed, digits });
  expect(toHex(await sha256(message))).toBe(messages["key-seeded"].sha256);
});

test("a request is Python's message", async () => {
  const { header, sha256: digest } = messages.request;
  const nonce = fromHex(header).slice(80, 96);
  const message = encodeRequest(await named("model"), parameters.digest, seeded, nonce);
  expect(toHex(await sha256(message))).toBe(digest);
});

describe("faults", () => {
  const faults = (vectors.faults as any[]).filter((fault) => fault.message in made);
  test.each(faults)("$message: $name", async ({ message, edits, keep, append, failure }) => {
    const data = made[message]!.slice();
    for (const [offset, replacement, times] of edits) {
      const once = fromHex(replacement);
      for (let i = 0; i < times; i++) data.set(once, offset + i * once.length);
    }
    const faulty = concat(data.subarray(0, keep ?? data.length), fromHex(append));
    const error = await decoders[message]!(faulty).then(
      () => null,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(PortalError);
    const { family, code } = error as PortalError;
    expect(CLASSES[failure]).toContain(`${family}/${code}`);
  });
});
