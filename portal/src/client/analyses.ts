// Analyses of the worklist's studies, one after another; what was interrupted goes on.

import { PortalError, inputError } from "../core/errors.ts";
import { log2Qp } from "../core/ckks/parameters.ts";
import { kindOf } from "../core/model/outputs.ts";
import { checkInput } from "../core/model/signature.ts";
import { type ModelInfo } from "../core/service/answers.ts";
import { type Session, type Ticket } from "./session.ts";
import { isOpen, type Phase, type Worklist } from "./studies.ts";

/** What makes a ticket worthless: a second try must make a new request. */
const TICKET_GONE = new Set([
  "unknown-inference",
  "model-replaced",
  "job-failed",
  "job-storage-full",
  "job-cancelled",
  "replaced",
  "another-answer",
]);
/** Refusals after which the keys are looked at once more and the request is made again. */
const KEYS_GONE = new Set(["keys-missing", "unknown-keyset"]);

export class Analyses {
  readonly #session: Session;
  readonly #worklist: Worklist;
  #queue: string[] = [];
  #running = false;

  constructor(session: Session, worklist: Worklist) {
    this.#session = session;
    this.#worklist = worklist;
  }

  /** Queues an analysis of a study. */
  async start(studyId: string, model: ModelInfo): Promise<void> {
    const study = this.#worklist.find(studyId);
    if (study === undefined || isOpen(study.run)) return;
    await this.#worklist.update(studyId, {
      run: {
        model: model.name,
        version: model.version,
        title: model.signature.title,
        frame: study.frame,
        startedAt: new Date().toISOString(),
        phase: "waiting",
        progress: 0,
        count: null,
        tickets: [],
        findings: [],
        receipts: [],
        timingsMs: {},
        requestBytes: 0,
        kind: kindOf(model.signature.outputs),
        log2Qp: log2Qp(model.parameters.primes),
        seesSquareOnly: model.signature.preprocessing.seesSquareOnly,
        n: model.parameters.n,
        error: null,
      },
    });
    this.#enqueue(studyId);
  }

  /** Takes up a failed analysis where it stopped: an accepted request is not sent again. */
  async retry(studyId: string): Promise<void> {
    const code = this.#worklist.find(studyId)?.run?.error?.code ?? "";
    const again = TICKET_GONE.has(code) ? { tickets: [], batches: null, timingsMs: {} } : {};
    await this.#worklist.updateRun(studyId, {
      phase: "waiting",
      error: null,
      progress: 0,
      ...again,
    });
    this.#enqueue(studyId);
  }

  /** Goes on with what a reload or a closed tab interrupted. */
  resume(): void {
    for (const study of this.#worklist.studies.toReversed()) {
      if (isOpen(study.run)) this.#enqueue(study.id);
    }
  }

  async remove(studyId: string): Promise<void> {
    const run = this.#worklist.find(studyId)?.run;
    this.#queue = this.#queue.filter((id) => id !== studyId);
    await this.#worklist.remove(studyId);
    if (run !== null && run !== undefined && isOpen(run)) {
      for (const ticket of run.tickets) {
        await this.#session.forget(ticket).catch(() => undefined);
      }
    }
  }

  #enqueue(studyId: string): void {
    if (!this.#queue.includes(studyId)) this.#queue.push(studyId);
    if (!this.#running) void this.#work();
  }

  async #work(): Promise<void> {
    this.#running = true;
    try {
      for (let id = this.#queue[0]; id !== undefined; id = this.#queue[0]) {
        try {
          await this.#analyse(id);
        } catch (error) {
          await this.#worklist.fail(id, error).catch(() => undefined);
        }
        this.#queue = this.#queue.filter((other) => other !== id);
      }
    } finally {
      this.#running = false;
    }
  }

  async #analyse(id: string): Promise<void> {
    const run = this.#worklist.find(id)?.run;
    if (run === null || run === undefined) return;
    if (!this.#session.isConnected) await this.#session.connect();
    const begin = performance.now();
    const model = this.#session.model(run.model);
    let tickets = run.tickets;
    // a part of the records must never pass for all of them
    if (tickets.length !== (run.batches ?? null)) {
      const inputs = await this.#inputs(id, model);
      tickets = await this.#submitRest(id, model, inputs, tickets);
    }
    const timings: Record<string, number> = { ...this.#worklist.find(id)?.run?.timingsMs };
    const findings = [];
    const receipts = [];
    for (const ticket of tickets) {
      const answer = await this.#session.answer(ticket, {
        onJob: (job) => {
          const phase = job.status === "queued" ? "queued" : "evaluating";
          void this.#show(id, phase, job.progress);
        },
        onSilence: () => void this.#show(id, "silent", 0),
      });
      findings.push(...answer.findings);
      receipts.push(answer.receipt);
      for (const [phase, ms] of Object.entries(answer.timingsMs)) {
        timings[phase] = (timings[phase] ?? 0) + ms;
      }
    }
    timings.total = performance.now() - begin;
    await this.#worklist.updateRun(id, {
      phase: "done",
      progress: 1,
      count: null,
      findings,
      receipts,
      timingsMs: timings,
      requestBytes: tickets.reduce((sum, ticket) => sum + ticket.requestBytes, 0),
    });
    // only what is kept here may be forgotten there; nothing that is decrypted decides this
    for (const ticket of tickets) void this.#session.forget(ticket).catch(() => undefined);
  }

  /** Hands in what has not been handed in, and keeps each ticket at once. */
  async #submitRest(
    id: string,
    model: ModelInfo,
    inputs: Float64Array[],
    before: readonly Ticket[],
  ): Promise<Ticket[]> {
    const tickets = [...before];
    const { records } = model.signature;
    const batches = Math.ceil(inputs.length / records);
    await this.#worklist.updateRun(id, { batches });
    if (tickets.length < batches) await this.#ensureKeys(id, model);
    for (let first = tickets.length * records; first < inputs.length; first += records) {
      const batch = inputs.slice(first, first + records);
      for (let attempt = 1; ; attempt++) {
        await this.#show(id, "encrypting", 0);
        try {
          const onUpload = (part: number): void => void this.#show(id, "uploading", part);
          tickets.push(await this.#session.submit(model, batch, onUpload));
          break;
        } catch (error) {
          const gone = error instanceof PortalError && KEYS_GONE.has(error.code);
          if (!gone || attempt === 2) throw error;
          await this.#ensureKeys(id, model);
        }
      }
      await this.#worklist.updateRun(id, { tickets: [...tickets], phase: "queued", progress: 0 });
    }
    return tickets;
  }

  async #ensureKeys(id: string, model: ModelInfo): Promise<void> {
    const begin = performance.now();
    let made = false;
    await this.#session.ensureKeys(model, ({ done, total }) => {
      if (done === total && !made) return;
      made = true;
      void this.#show(id, "keys", done / total, { done, total });
    });
    if (made) {
      const timingsMs = { ...this.#worklist.find(id)?.run?.timingsMs, keys: performance.now() - begin };
      await this.#worklist.updateRun(id, { timingsMs });
    }
  }

  /** The model's inputs of a study, checked before anything is encrypted. */
  async #inputs(id: string, model: ModelInfo): Promise<Float64Array[]> {
    const study = this.#worklist.find(id)!;
    const content = await this.#worklist.content(id);
    if (content === null) throw inputError("file-gone");
    const { signature } = model;
    const steps = signature.preprocessing.toJson();
    let inputs: Float64Array[];
    if (signature.preprocessing.isForRecords) {
      if (study.kind !== "records") throw inputError("record-wanted");
      const [count] = signature.inputShape;
      inputs = (
        await this.#session.imaging.recordInputs(content, signature.inputNames, count!, steps)
      ).inputs;
    } else {
      if (study.kind !== "image") throw inputError("image-wanted");
      const frame = study.run?.frame ?? study.frame;
      inputs = [await this.#session.imaging.modelInput(id, content, frame, steps)];
    }
    for (const values of inputs) checkInput(signature, values);
    return inputs;
  }

  async #show(
    id: string,
    phase: Phase,
    progress: number,
    count: { done: number; total: number } | null = null,
  ): Promise<void> {
    await this.#worklist.updateRun(id, { phase, progress, count }, false);
  }
}
