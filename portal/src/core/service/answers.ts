// What a service answers, as types; nothing is taken on trust that can be checked
// (safelight.client.answers).

import { fromHex, type Bytes } from "../bytes.ts";
import { checkedParameters, maxLevel, type Parameters } from "../ckks/parameters.ts";
import { RELINEARIZATION } from "../ckks/secret_keys.ts";
import { PortalError, serviceError } from "../errors.ts";
import { integer, readSignature, text, type Signature } from "../model/signature.ts";

const MAX_GALOIS_KEYS = 2048;
const MAX_CARD_CHARS = 200_000;

export interface ServiceInfo {
  version: string;
  publicKey: Bytes;
}

/** A required evaluation key: element 0 is relinearisation. */
export interface KeyNeed {
  element: number;
  level: number;
}

export interface ModelInfo {
  name: string;
  version: string;
  modelDigest: string;
  programDigest: string;
  parameters: Parameters;
  needs: KeyNeed[];
  signature: Signature;
  card: string;
}

export interface KeysetState {
  id: string;
  parametersDigest: string;
  /** SHA-256 of each key message that is there, by element. */
  present: Map<number, string>;
  missing: KeyNeed[];
}

export type JobStatus = "queued" | "running" | "done" | "failed" | "cancelled";

export interface Job {
  id: string;
  status: JobStatus;
  code: string | null;
  progress: number;
  queuedMs: number | null;
  evaluateMs: number | null;
}

/** Reads an answer; whatever it lacks makes it a misbehaving service's. */
export async function reading<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof PortalError) throw error;
    throw serviceError("bad-answer");
  }
}

export function serviceInfo(document: any): ServiceInfo {
  return { version: text(document.version), publicKey: fromHex(digest(document.public_key)) };
}

/** Names of the models, and which are served on ciphertext; the others take sealed envelopes. */
export function modelList(document: any): { name: string; onCiphertext: boolean }[] {
  return document.models.map((model: any) => ({
    name: text(model.name),
    onCiphertext: (model.levels ?? ["homomorphic"]).includes("homomorphic"),
  }));
}

export async function modelInfo(document: any, name: string): Promise<ModelInfo> {
  const described = document.parameters;
  const parameters = await checkedParameters(integer(described.n), described.primes.map(integer));
  const signature = await readSignature(document.signature);
  const contradicts =
    parameters.digestHex !== described.digest ||
    signature.parameters.digestHex !== parameters.digestHex ||
    document.name !== name ||
    signature.model !== name ||
    signature.inputLevel !== integer(document.input.level) ||
    signature.inputScale !== document.input.scale;
  if (contradicts) throw serviceError("bad-signature");
  const card = document.card ?? "";
  if (typeof card !== "string" || card.length > MAX_CARD_CHARS) throw new TypeError("not a card");
  return {
    name,
    version: text(document.version),
    modelDigest: digest(document.model_digest),
    programDigest: digest(document.program_digest),
    parameters,
    needs: keyNeeds(document.key_requirements, parameters),
    signature,
    card,
  };
}

export function keysetId(document: any): string {
  return identifier(document.id);
}

export function keysetIds(document: any): string[] {
  return document.keysets.map(identifier);
}

export function keysetState(document: any): KeysetState {
  const present = new Map<number, string>();
  for (const [name, key] of Object.entries<any>(document.present)) {
    present.set(elementOf(name), digest(key.sha256));
  }
  const missing = Object.entries<any>(document.missing ?? {}).map(([name, level]) => ({
    element: elementOf(name),
    level: integer(level),
  }));
  const id = identifier(document.id);
  return { id, parametersDigest: digest(document.parameters_digest), present, missing };
}

const STATUSES: readonly string[] = ["queued", "running", "done", "failed", "cancelled"];

export function job(document: any): Job {
  const { status, code, progress, timings_ms } = document;
  if (!STATUSES.includes(status)) throw new TypeError("not a status");
  if (code !== null && !/^[a-z0-9-]{1,40}$/.test(code)) throw new TypeError("not a code");
  if (!(progress >= 0 && progress <= 1)) throw new TypeError("not a progress");
  return {
    id: identifier(document.id),
    status,
    code,
    progress,
    queuedMs: milliseconds(timings_ms.queued),
    evaluateMs: milliseconds(timings_ms.evaluate),
  };
}

function keyNeeds(document: any, parameters: Parameters): KeyNeed[] {
  const level = (value: unknown): number => {
    const found = integer(value);
    if (found < 0 || found > maxLevel(parameters)) throw new TypeError("not a level");
    return found;
  };
  const needs: KeyNeed[] = [];
  if (document.relinearization_level !== null) {
    needs.push({ element: RELINEARIZATION, level: level(document.relinearization_level) });
  }
  const galois = Object.entries(document.galois_levels);
  if (galois.length > MAX_GALOIS_KEYS) throw new TypeError("too many keys");
  for (const [name, value] of galois) {
    const element = elementOf(name);
    // the powers of 3 modulo 2N are the residues 1 and 3 modulo 8; 1 rotates nothing
    if (element <= 1 || element >= 2 * parameters.n || ![1, 3].includes(element % 8)) {
      throw new TypeError("not a Galois element");
    }
    needs.push({ element, level: level(value) });
  }
  return needs.sort((left, right) => left.element - right.element);
}

export const elementName = (element: number): string =>
  element === RELINEARIZATION ? "relinearization" : String(element);

function elementOf(name: string): number {
  if (name === "relinearization") return RELINEARIZATION;
  if (!/^[1-9][0-9]{0,5}$/.test(name)) throw new TypeError("not an element");
  return Number(name);
}

function milliseconds(value: unknown): number | null {
  if (value === null) return null;
  if (typeof value !== "number" || !(value >= 0)) throw new TypeError("not a time");
  return value;
}

function identifier(value: unknown): string {
  if (typeof value !== "string" || !/^[0-9a-zA-Z_-]{1,64}$/.test(value)) {
    throw new TypeError("not an id");
  }
  return value;
}

function digest(value: unknown): string {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
    throw new TypeError("not a digest");
  }
  return value;
}
