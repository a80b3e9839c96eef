// Analyses of the worklist's studies, one after another; what was interrupted goes on.

import { PortalError, inputError, serviceError } from "../core/errors.ts";
import { log2Qp } from "../core/ckks/parameters.ts";
import { type Finding } from "../core/model/finding.ts";
import { kindOf } from "../core/model/outputs.ts";
import { checkInput } from "../core/model/signature.ts";
import { type ModelInfo } from "../core/service/answers.ts";
import { type Receipt, type Session, type Ticket } from "./session.ts";
import { isOpen, type Phase, type Run, type Worklist } from "./studies.ts";

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
/** Ciphertexts of a table that the service holds at once; it takes 64 unfinished ones of a client. */
const MAX_UNANSWERED = 8;

/** What a run has so far; findings are in memory only until all are there. */
interface Answers {
  findings: Finding[];
  receipts: Receipt[];
  timingsMs: Record<string, number>;
}

export class Analyses {
  readonly #session: Session;
  readonly #worklist: Worklist;
  #queue: string[] = [];
  #current: string | null = null;
  /** Ends the current analysis. */
  #stop = new AbortController();

  constructor(session: Session, worklist: Worklist) {
    this.#session = session;
    this.#worklist = worklist;
  }

  /** Whether anything is being done; an open run of the worklist may be waiting for a connection. */
  get isWorking(): boolean {
    return this.#current !== null;
  }

  /** Whether a study is being analysed, or about to be. */
  isQueued(studyId: string): boolean {
    return this.#queue.includes(studyId) || (this.#current === studyId && !this.#stop.signal.aborted);
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
    const run = this.#worklist.find(studyId)?.run;
    const isGone = TICKET_GONE.has(run?.error?.code ?? "");
    const again = isGone ? { tickets: [], batches: null, timingsMs: {} } : {};
    await this.#worklist.updateRun(studyId, {
      phase: "waiting",
      error: null,
      progress: 0,
      ...again,
    });
    if (isGone) this.#forget(run?.tickets ?? []);
    this.#enqueue(studyId);
  }

  /** Goes on with what a reload or a closed tab interrupted. */
  resume(): void {
    for (const study of this.#worklist.studies.toReversed()) {
      if (isOpen(study.run)) this.#enqueue(study.id);
    }
  }

  /** Stops an analysis, here and at the service. */
  async stop(studyId: string): Promise<void> {
    const run = this.#worklist.find(studyId)?.run ?? null;
    if (run === null || !isOpen(run)) return;
    const stopped = serviceError("job-cancelled");
    if (this.#current === studyId) this.#stop.abort(stopped);
    this.#queue = this.#queue.filter((id) => id !== studyId);
    await this.#worklist.fail(studyId, stopped);
    this.#forget(run.tickets);
  }

  async remove(studyId: string): Promise<void> {
    await this.stop(studyId);
    await this.#worklist.remove(studyId);
  }

  /** Without waiting: what the service does not forget now expires there. */
  #forget(tickets: readonly Ticket[]): void {
    for (const ticket of tickets) void this.#session.forget(ticket).catch(() => undefined);
  }

  #enqueue(studyId: string): void {
    if (!this.isQueued(studyId)) this.#queue.push(studyId);
    if (!this.isWorking) void this.#work();
  }

  async #work(): Promise<void> {
    for (let id = this.#queue.shift(); id !== undefined; id = this.#queue.shift()) {
      this.#current = id;
      this.#stop = new AbortController();
      const { signal } = this.#stop;
      try {
        await this.#analyse(id, signal);
      } catch (error) {
        // a run that was stopped says so already, and may have been begun again
        if (!signal.aborted) await this.#worklist.fail(id, error).catch(() => undefined);
      }
    }
    this.#current = null;
  }

  async #analyse(id: string, stop: AbortSignal): Promise<void> {
    const run = this.#worklist.find(id)?.run;
    if (run === null || run === undefined) return;
    if (!this.#session.isConnected) await this.#session.connect();
    const begin = performance.now();
    const model = this.#session.model(run.model);
    const answers: Answers = { findings: [], receipts: [], timingsMs: {} };
    let { tickets } = run;
    let answered = 0;
    // a part of the records must never pass for all of them
    if (tickets.length !== (run.batches ?? null)) {
      const inputs = await this.#inputs(id, model);
      const batches = Math.ceil(inputs.length / model.signature.records);
      await this.#worklist.updateRun(id, { batches });
      await this.#ensureKeys(id, model, stop);
      while (tickets.length < batches) {
        if (tickets.length - answered >= MAX_UNANSWERED) {
          await this.#answer(id, tickets[answered++]!, answers, stop);
          continue;
        }
        try {
          tickets = await this.#submit(id, model, inputs, tickets, stop);
        } catch (error) {
          // other programs with this token have jobs too: make room, and try again
          const isFull = error instanceof PortalError && error.code === "quota-jobs";
          if (!isFull || answered === tickets.length) throw error;
          await this.#answer(id, tickets[answered++]!, answers, stop);
        }
      }
    }
    while (answered < tickets.length) await this.#answer(id, tickets[answered++]!, answers, stop);
    stop.throwIfAborted();
    const timingsMs = { ...this.#worklist.find(id)?.run?.timingsMs, ...answers.timingsMs };
    timingsMs.total = performance.now() - begin;
    await this.#worklist.updateRun(id, {
      phase: "done",
      progress: 1,
      count: null,
      findings: answers.findings,
      receipts: answers.receipts,
      timingsMs,
      requestBytes: tickets.reduce((sum, ticket) => sum + ticket.requestBytes, 0),
    });
    // only what is kept here may be forgotten there; nothing that is decrypted decides this
    this.#forget(tickets);
  }

  /** Waits for one answer and adds it to those before. */
  async #answer(id: string, ticket: Ticket, answers: Answers, stop: AbortSignal): Promise<void> {
    const answer = await this.#session.answer(ticket, {
      onJob: (job) => {
        const phase = job.status === "queued" ? "queued" : "evaluating";
        void this.#show(id, stop, phase, job.progress);
      },
      onSilence: () => void this.#show(id, stop, "silent", 0),
      signal: stop,
    });
    answers.findings.push(...answer.findings);
    answers.receipts.push(answer.receipt);
    for (const [phase, ms] of Object.entries(answer.timingsMs)) {
      answers.timingsMs[phase] = (answers.timingsMs[phase] ?? 0) + ms;
    }
  }

  /** Hands in the next ciphertext, and keeps its ticket at once. */
  async #submit(
    id: string,
    model: ModelInfo,
    inputs: readonly Float64Array[],
    tickets: readonly Ticket[],
    stop: AbortSignal,
  ): Promise<Ticket[]> {
    const { records } = model.signature;
    const batch = inputs.slice(tickets.length * records, (tickets.length + 1) * records);
    const onUpload = (part: number): void => void this.#show(id, stop, "uploading", part);
    const submit = async (): Promise<Ticket> => {
      stop.throwIfAborted();
      await this.#show(id, stop, "encrypting", 0);
      return this.#session.submit(model, batch, onUpload);
    };
    let ticket: Ticket;
    try {
      ticket = await submit();
    } catch (error) {
      if (!(error instanceof PortalError && KEYS_GONE.has(error.code))) throw error;
      await this.#ensureKeys(id, model, stop);
      ticket = await submit();
    }
    if (stop.aborted) {
      this.#forget([ticket]);
      throw stop.reason;
    }
    const all = [...tickets, ticket];
    await this.#worklist.updateRun(id, { tickets: all, phase: "queued", progress: 0 });
    return all;
  }

  async #ensureKeys(id: string, model: ModelInfo, stop: AbortSignal): Promise<void> {
    const begin = performance.now();
    let made = false;
    await this.#session.ensureKeys(model, ({ done, total }) => {
      stop.throwIfAborted();
      if (done === total && !made) return;
      made = true;
      void this.#show(id, stop, "keys", done / total, { done, total });
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
    stop: AbortSignal,
    phase: Phase,
    progress: number,
    count: Run["count"] = null,
  ): Promise<void> {
    // what has been stopped says so, whatever still comes in
    if (!stop.aborted) await this.#worklist.updateRun(id, { phase, progress, count }, false);
  }
}
