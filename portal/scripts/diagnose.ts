// The whole flow without a browser, for tests: node scripts/diagnose.ts URL MODEL FILE, with the token
// in SAFELIGHT_TOKEN. Prints one JSON line for each input.

import { readFile } from "node:fs/promises";

import initialize from "node-seal";

import { fromHex, sha256, toHex } from "../src/core/bytes.ts";
import { SecretKeys } from "../src/core/ckks/secret_keys.ts";
import { openImage } from "../src/core/imaging/load.ts";
import { readRecords } from "../src/core/imaging/records.ts";
import { findingOf } from "../src/core/model/finding.ts";
import { probabilities } from "../src/core/model/outputs.ts";
import { pack, unpack } from "../src/core/model/signature.ts";
import { Api } from "../src/core/service/api.ts";
import { ciphertextLength, decodeCiphertext, encodeCiphertext } from "../src/core/wire/ciphertext.ts";
import { encodeKey, keysetDigest } from "../src/core/wire/key.ts";
import { encodeRequest } from "../src/core/wire/request.ts";
import { maxResultLength, openResult } from "../src/core/wire/result.ts";

const [url, modelName, path] = process.argv.slice(2);
const api = new Api(url!, process.env.SAFELIGHT_TOKEN!);
const service = await api.service();
const model = await api.model(modelName!);
const { signature, parameters } = model;
const file = new Uint8Array(await readFile(path!));
let inputs: Float64Array[];
if (signature.preprocessing.isForRecords) {
  const records = readRecords(file, signature.inputShape[0]!, signature.inputNames);
  inputs = records.map((record) => signature.preprocessing.applyToRecord(record));
} else {
  const image = await openImage(file);
  const { defaultFrame } = image.summary;
  const pixels = await image.pixels(defaultFrame, signature.preprocessing.valueScale);
  inputs = [signature.preprocessing.applyToImage(pixels)];
}

const seal = await initialize();
const started = performance.now();
const keys = SecretKeys.generate(seal, parameters);
const keyset = await api.createKeyset(parameters.digestHex);
const digests = new Map<number, Uint8Array>();
let keygenMs = performance.now() - started;
for (const { element, level } of model.needs) {
  const start = performance.now();
  const message = encodeKey(parameters, await keys.evaluationKey(element, level));
  keygenMs += performance.now() - start;
  await api.putKey(keyset, element, message);
  digests.set(element, await sha256(message));
}

for (let first = 0; first < inputs.length; first += signature.records) {
  const batch = inputs.slice(first, first + signature.records);
  const begin = performance.now();
  const fresh = await keys.encrypt(
    pack(signature, batch), signature.inputScale, signature.inputLevel,
  );
  const ciphertext = encodeCiphertext(parameters, fresh);
  const request = encodeRequest(fromHex(model.modelDigest), parameters.digest, ciphertext);
  const encryptMs = performance.now() - begin;
  const job = await api.submit(model.name, keyset, request);
  const done = await api.wait(job.id);
  const length = ciphertextLength(parameters, 0, false);
  const result = await api.result(job.id, maxResultLength(length));
  const { ciphertext: returned } = await openResult(result, service.publicKey, {
    requestDigest: toHex(await sha256(request)),
    modelDigest: model.modelDigest,
    programDigest: model.programDigest,
    parametersDigest: parameters.digestHex,
    keysDigest: toHex(await keysetDigest(parameters.digest, digests)),
  });
  const rows = await decodeCiphertext(returned, parameters, 0, signature.outputScale);
  const slots = keys.decrypt(rows, signature.outputScale);
  const totalMs = performance.now() - begin;
  for (const logits of unpack(signature, slots, batch.length)) {
    const found = probabilities(signature.outputs, logits);
    console.log(JSON.stringify({
      ...findingOf(signature.outputs, found),
      unrounded: found,
      timings: { keygenMs, encryptMs, totalMs, evaluateMs: done.evaluateMs },
      uploadBytes: request.length,
    }));
  }
  await api.forget(job.id);
}
keys.destroy();
