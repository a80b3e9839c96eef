// Beside the image: which model, analyse, how it goes, and what came out.

import { type RefObject } from "preact";
import { useState } from "preact/hooks";

import { type Analyses } from "../client/analyses.ts";
import { type Session } from "../client/session.ts";
import { isOpen, type Run, type Study } from "../client/studies.ts";
import { kindOfRun, leading } from "../core/model/finding.ts";
import { type ModelInfo } from "../core/service/answers.ts";
import { fill, sentence, size, texts } from "../texts.ts";
import { Dialog } from "./dialog.tsx";
import { Markdown } from "./markdown.tsx";
import { ResultView } from "./result_view.tsx";
import { type ShownImage } from "./viewer.tsx";

// from here on a tab works for minutes
const LARGE_RING = 16384;

export function AnalysisPanel(props: {
  study: Study | undefined;
  studies: readonly Study[];
  session: Session;
  analyses: Analyses;
  connected: boolean;
  shown: RefObject<ShownImage>;
  onError: (error: unknown) => void;
  onStarted: () => void;
  onConnect: () => void;
}) {
  const { study, session, analyses } = props;
  const [wanted, setWanted] = useState<string | null>(null);
  const [card, setCard] = useState<ModelInfo | null>(null);
  const kind = study?.kind ?? "image";
  const suitable = session.models
    .filter((model) => model.signature.preprocessing.isForRecords === (kind === "records"))
    .sort((left, right) => left.parameters.n - right.parameters.n);
  const last = suitable.find((model) => model.name === study?.run?.model);
  const model = suitable.find((one) => one.name === wanted) ?? last ?? suitable[0];
  const run = study?.run ?? null;
  const busy = isOpen(run);
  const start = (id: string, chosen: ModelInfo): void => {
    props.onStarted();
    void analyses.start(id, chosen).catch(props.onError);
  };
  const fresh = props.studies.filter((one) => one.kind === kind && one.run === null);
  return (
    <section class="analysis" aria-label={texts.nav.result}>
      {props.connected && suitable.length === 0 && <p class="hollow">{texts.models.none}</p>}
      {model && (
        <div class="choice">
          <label class="field">
            <span>{texts.models.title}</span>
            <select value={model.name} onChange={(event) => setWanted(event.currentTarget.value)}>
              {suitable.map((one) => (
                <option key={one.name} value={one.name}>
                  {one.signature.title}
                  {one.parameters.n >= LARGE_RING ? ` — ${texts.models.large}` : ""}
                </option>
              ))}
            </select>
          </label>
          <p class="detail">
            {model.signature.title} <code>{model.name}</code>
          </p>
          <Cost session={session} model={model} />
          <div class="row">
            <button
              type="button"
              class="primary grow"
              disabled={study === undefined || busy || !props.connected}
              onClick={() => start(study!.id, model)}
            >
              {run === null ? texts.run.analyse : texts.run.again}
            </button>
            <button type="button" onClick={() => setCard(model)}>
              {texts.models.about}
            </button>
          </div>
          {fresh.length > 1 && (
            <button
              type="button"
              disabled={!props.connected}
              onClick={() => fresh.forEach((one) => start(one.id, model))}
            >
              {fill(texts.run.analyseAll, { count: fresh.length })}
            </button>
          )}
        </div>
      )}
      <p class="hidden" role="status">
        {run === null ? "" : spoken(run)}
      </p>
      <div id="result" tabIndex={-1}>
        {study !== undefined && run !== null ? (
          run.phase === "done" ? (
            <ResultView key={`${study.id} ${run.startedAt}`} study={study} run={run} shown={props.shown} onError={props.onError} />
          ) : (
            <Progress
              run={run}
              isWaiting={busy && !props.connected && !analyses.isQueued(study.id)}
              onConnect={props.onConnect}
              onStop={() => void analyses.stop(study.id).catch(props.onError)}
              onRetry={() => void analyses.retry(study.id).catch(props.onError)}
            />
          )
        ) : (
          <p class="hollow">{texts.result.none}</p>
        )}
      </div>
      {card && (
        <Dialog title={card.signature.title} wide onClose={() => setCard(null)}>
          <p class="detail">
            {card.name}, {fill(texts.result.version, { version: card.version })}
          </p>
          <Markdown text={card.card} />
        </Dialog>
      )}
    </section>
  );
}

function Cost({ session, model }: { session: Session; model: ModelInfo }) {
  const { keys, bytes, seconds } = session.keyCost(model);
  const heavy = model.parameters.n >= LARGE_RING;
  if (keys === 0) return <p class="detail">{texts.models.sent}</p>;
  return (
    <p class={heavy ? "warning" : "detail"}>
      {fill(texts.models.cost, { keys, size: size(bytes), seconds: Math.max(1, Math.round(seconds)) })}
      {heavy && ` ${texts.models.heavy}`}
    </p>
  );
}

/** What a screen reader says: each phase once, not each key, and then the answer. */
function spoken(run: Run): string {
  const [finding] = run.findings;
  if (run.phase !== "done" || finding === undefined) return texts.run.phase[run.phase];
  const { name, probability } = leading(finding, kindOfRun(run));
  return fill(texts.result.said, {
    finding: finding.finding,
    name: fill(texts.result.probability, { name }),
    probability: probability.toFixed(3),
  });
}

const STAGES = ["keys", "encrypting", "uploading", "queued", "evaluating"] as const;

function Progress(props: {
  run: Run;
  /** Whether nothing goes on before the service is connected again. */
  isWaiting: boolean;
  onConnect: () => void;
  onStop: () => void;
  onRetry: () => void;
}) {
  const { run } = props;
  if (run.phase === "failed") {
    return (
      <div class="problem" role="alert">
        <h2>{texts.errorTitle}</h2>
        <p>{run.error === null ? "" : sentence(run.error)}</p>
        <button type="button" class="primary" onClick={props.onRetry}>
          {texts.run.retry}
        </button>
      </div>
    );
  }
  if (props.isWaiting) {
    return (
      <div class="progress">
        <p class="phase">{texts.run.waitsForService}</p>
        <div class="row">
          <button type="button" class="primary" onClick={props.onConnect}>
            {texts.run.retry}
          </button>
          <button type="button" onClick={props.onStop}>
            {texts.run.stop}
          </button>
        </div>
      </div>
    );
  }
  const stage = STAGES.indexOf(run.phase as (typeof STAGES)[number]);
  return (
    <div class="progress">
      <p class="phase">{texts.run.phase[run.phase]}</p>
      {run.count && <p class="detail">{fill(texts.run.keyCount, run.count)}</p>}
      <progress max={1} value={run.progress} aria-label={texts.run.phase[run.phase]} />
      <ol>
        {STAGES.map((name, index) => (
          <li key={name} class={index < stage ? "past" : index === stage ? "now" : ""}>
            {texts.run.phase[name]}
          </li>
        ))}
      </ol>
      <button type="button" onClick={props.onStop}>
        {texts.run.stop}
      </button>
    </div>
  );
}
