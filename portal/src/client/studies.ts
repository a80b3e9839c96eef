// The worklist: studies and what became of them, kept in the vault.

import { PortalError, type ErrorMessage, toMessage } from "../core/errors.ts";
import { type Finding } from "../core/model/finding.ts";
import { type Kind } from "../core/model/outputs.ts";
import { type ImageSummary } from "../core/imaging/viewable.ts";
import { type Bytes } from "../core/bytes.ts";
import { type Receipt, type Ticket } from "./session.ts";
import { type Vault } from "./vault.ts";

export type Phase =
  | "waiting"
  | "keys"
  | "encrypting"
  | "uploading"
  | "queued"
  | "evaluating"
  | "silent" // the service does not answer; what it accepted it keeps
  | "decrypting"
  | "done"
  | "failed";

/** One analysis of a study by a model. */
export interface Run {
  model: string;
  version: string;
  title: string;
  frame: number;
  startedAt: string;
  phase: Phase;
  /** 0 to 1 within the phase. */
  progress: number;
  /** Words for the phase, such as how many keys. */
  count: { done: number; total: number } | null;
  /** One for each ciphertext that the service has accepted. */
  tickets: Ticket[];
  /** How many ciphertexts the records take; null until it is known. */
  batches?: number | null;
  findings: Finding[];
  receipts: Receipt[];
  timingsMs: Record<string, number>;
  requestBytes: number;
  /** What the findings are; absent in what was kept before there was more than one kind. */
  kind?: Kind;
  log2Qp: number;
  /** Whether the model saw the largest square in the middle only. */
  seesSquareOnly: boolean;
  n: number;
  error: ErrorMessage | null;
}

export interface Study {
  id: string;
  name: string;
  addedAt: string;
  kind: "image" | "records";
  summary: ImageSummary | null;
  frame: number;
  run: Run | null;
}

/** The receipt of the ciphertext that held a record: of a table each has its own. */
export function receiptOf(run: Run, record: number): Receipt | undefined {
  let first = 0;
  for (const receipt of run.receipts) {
    first += receipt.records ?? run.findings.length;
    if (record < first) return receipt;
  }
  return undefined;
}

export const isOpen = (run: Run | null): boolean =>
  run !== null && run.phase !== "done" && run.phase !== "failed";

type Listener = () => void;

const isDamage = (error: unknown): boolean =>
  error instanceof SyntaxError || (error instanceof PortalError && error.code === "vault-damaged");

// a write to the vault is durable, and so takes longer than a turn of the wheel
const FRAME_KEPT_AFTER_MS = 500;

export class Worklist {
  readonly #vault: Vault;
  readonly #listeners = new Set<Listener>();
  #studies: Study[] = [];
  #damaged: string[] = [];
  #keepingFrame: ReturnType<typeof setTimeout> | undefined;

  private constructor(vault: Vault) {
    this.#vault = vault;
  }

  static async load(vault: Vault): Promise<Worklist> {
    const list = new Worklist(vault);
    const ids = await vault.keys("study/");
    const read = await Promise.allSettled(ids.map((id) => vault.getJson<Study>(id)));
    // what could not be read this time is not damaged: it must not be offered for deletion
    const failed = read.find((one) => one.status === "rejected" && !isDamage(one.reason));
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
    // one damaged item must not take the others with it
    list.#damaged = ids
      .filter((_, i) => read[i]!.status === "rejected")
      .map((id) => id.slice("study/".length));
    list.#studies = read
      .map((one) => (one.status === "fulfilled" ? one.value : null))
      .filter((study) => study !== null)
      .sort((left, right) => right.addedAt.localeCompare(left.addedAt));
    return list;
  }

  get studies(): readonly Study[] {
    return this.#studies;
  }

  /** Ids of the studies that cannot be read any more. */
  get damaged(): readonly string[] {
    return this.#damaged;
  }

  async removeDamaged(): Promise<void> {
    for (const id of [...this.#damaged]) await this.remove(id);
  }

  find(id: string): Study | undefined {
    return this.#studies.find((study) => study.id === id);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps a new study and its file, whole or not at all. */
  async add(study: Study, content: Bytes): Promise<void> {
    await this.#vault.putBytes(`file/${study.id}`, content);
    try {
      await this.#vault.putJson(`study/${study.id}`, study);
    } catch (error) {
      await this.#vault.delete(`file/${study.id}`).catch(() => undefined);
      throw error;
    }
    this.#studies = [study, ...this.#studies];
    this.#tell();
  }

  /** Changes a study in memory, and in the vault too where `keep` says so. */
  async update(id: string, change: Partial<Study>, keep = true): Promise<void> {
    const index = this.#studies.findIndex((study) => study.id === id);
    if (index < 0) return;
    const changed = { ...this.#studies[index]!, ...change };
    this.#studies = this.#studies.with(index, changed);
    this.#tell();
    if (keep) await this.#vault.putJson(`study/${id}`, changed);
  }

  /** Which frame is on the screen; kept once nobody has moved on for a moment. */
  showFrame(id: string, frame: number): void {
    void this.update(id, { frame }, false);
    clearTimeout(this.#keepingFrame);
    const keep = (): void => void this.update(id, {}).catch(() => undefined); // worth no message
    this.#keepingFrame = setTimeout(keep, FRAME_KEPT_AFTER_MS);
  }

  async updateRun(id: string, change: Partial<Run>, keep = true): Promise<void> {
    const run = this.find(id)?.run;
    if (run !== null && run !== undefined) {
      await this.update(id, { run: { ...run, ...change } }, keep);
    }
  }

  async fail(id: string, error: PortalError | unknown): Promise<void> {
    await this.updateRun(id, { phase: "failed", error: toMessage(error), count: null });
  }

  async content(id: string): Promise<Bytes | null> {
    return this.#vault.getBytes(`file/${id}`);
  }

  async remove(id: string): Promise<void> {
    const study = this.find(id);
    // out of memory first: a write that is asked for meanwhile must not bring it back
    this.#studies = this.#studies.filter((one) => one.id !== id);
    try {
      await this.#vault.delete(`study/${id}`);
      await this.#vault.delete(`file/${id}`);
      this.#damaged = this.#damaged.filter((one) => one !== id);
    } catch (error) {
      if (study !== undefined) this.#studies = [study, ...this.#studies];
      throw error;
    } finally {
      this.#tell();
    }
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
