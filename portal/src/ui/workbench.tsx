// The page once it is open: worklist, image and result beside each other, or one at a time on a phone.

import { useEffect, useReducer, useRef, useState } from "preact/hooks";

import { type Analyses } from "../client/analyses.ts";
import { type Session } from "../client/session.ts";
import { watchIdle } from "../client/idle.ts";
import { type Study, type Worklist } from "../client/studies.ts";
import { toMessage, type ErrorMessage } from "../core/errors.ts";
import { readWhole } from "../core/imaging/reading.ts";
import { fill, texts } from "../texts.ts";
import { AnalysisPanel } from "./analysis_panel.tsx";
import { Confirm, Problem, type Question } from "./dialog.tsx";
import { droppedFiles } from "./dropped_files.ts";
import { KeysDialog } from "./keys_dialog.tsx";
import { RecordForm } from "./record_form.tsx";
import { RecordsTable } from "./records_table.tsx";
import { ServiceDialog } from "./service_dialog.tsx";
import { type ShownImage, Viewer } from "./viewer.tsx";
import { WorklistPanel } from "./worklist_panel.tsx";

const PANELS = ["worklist", "image", "result"] as const;
type Panel = (typeof PANELS)[number];

export function Workbench(props: {
  session: Session;
  worklist: Worklist;
  analyses: Analyses;
  onLock: () => void;
}) {
  const { session, worklist, analyses } = props;
  const [, redraw] = useReducer((count: number) => count + 1, 0);
  const [chosen, setChosen] = useState<string | null>(worklist.studies[0]?.id ?? null);
  const [panel, setPanel] = useState<Panel>("worklist");
  const [dialog, setDialog] = useState<"keys" | "service" | "form" | null>(null);
  const [question, setQuestion] = useState<Question | null>(null);
  const [errors, setErrors] = useState<{ id: number; error: ErrorMessage; name: string }[]>([]);
  const [connection, setConnection] = useState<"connecting" | "connected" | ErrorMessage>("connecting");
  const [reading, setReading] = useState(0);
  const [dragging, setDragging] = useState(false);
  const shown = useRef<ShownImage | null>(null);

  useEffect(() => worklist.subscribe(() => redraw(undefined as never)), [worklist]);

  const report = (error: unknown, name = ""): void =>
    setErrors((before) => [
      ...before.slice(-4),
      { id: Date.now() + Math.random(), error: toMessage(error), name },
    ]);

  const connect = async (): Promise<void> => {
    setConnection("connecting");
    try {
      await session.connect();
      setConnection("connected");
      analyses.resume();
    } catch (error) {
      setConnection(toMessage(error));
    }
  };

  useEffect(() => {
    if (session.isConnected) {
      setConnection("connected");
      analyses.resume();
    } else if (session.hasToken) void connect();
    else {
      const code = session.connectionLost ? "connection-lost" : "unauthorized";
      setConnection({ family: "service", code, values: {} });
    }
  }, [session]);

  useEffect(() => {
    // not by what the worklist says: a run may be open and wait for a service that never comes
    return watchIdle(() => analyses.isWorking, props.onLock);
  }, [analyses]);

  const addFiles = async (files: readonly File[]): Promise<void> => {
    setReading((count) => count + files.length);
    for (const file of files) {
      try {
        const id = crypto.randomUUID();
        const found = await session.imaging.inspect(id, await readWhole(file));
        const content = await readWhole(file); // anew: the worker has the one before
        const study: Study = {
          id,
          name: file.name,
          addedAt: new Date().toISOString(),
          kind: found.kind,
          summary: found.kind === "image" ? found.summary : null,
          frame: found.kind === "image" ? found.summary.defaultFrame : 0,
          run: null,
        };
        if (found.kind === "records") await checkTable(session, content);
        await worklist.add(study, content);
        setChosen(id);
      } catch (error) {
        report(error, file.name);
      } finally {
        setReading((count) => count - 1);
      }
    }
  };

  const study = chosen === null ? undefined : worklist.find(chosen);
  const offline = typeof connection === "object";

  return (
    <div
      class={`workbench show-${panel} ${dragging ? "dragging" : ""}`}
      data-drop={texts.worklist.drop}
      onDragOver={(event) => {
        event.preventDefault();
        setDragging(true);
      }}
      onDragLeave={(event) => {
        if (event.currentTarget === event.target) setDragging(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setDragging(false);
        droppedFiles([...(event.dataTransfer?.items ?? [])]).then(addFiles).catch(report);
      }}
    >
      <a class="skip" href="#result">
        {texts.skip}
      </a>
      <header class="bar">
        <h1>
          <img src="/icon.svg" alt="" width="26" height="26" /> {texts.product}
        </h1>
        <p class="protection" title={texts.protection.long}>
          <span class="dot" aria-hidden="true" />
          {texts.protection.short}
        </p>
        <p class="notice">{texts.notDevice}</p>
        <nav aria-label={texts.nav.label}>
          <button type="button" class="quiet" onClick={() => setDialog("keys")}>
            {texts.nav.keys}
          </button>
          <button
            type="button"
            class={`quiet ${offline ? "attention" : ""}`}
            onClick={() => setDialog("service")}
          >
            {texts.nav.service}
          </button>
          <button type="button" class="quiet" onClick={props.onLock}>
            {texts.vault.lock}
          </button>
        </nav>
      </header>

      <div class="messages">
        {typeof connection === "object" && (
          <div class="problem-with-button">
            <Problem error={connection} />
            <button type="button" onClick={() => setDialog("service")}>
              {texts.nav.service}
            </button>
            <button type="button" onClick={() => void connect()}>
              {texts.service.again}
            </button>
          </div>
        )}
        {session.isKeyUncompared && connection === "connected" && (
          <div class="problem-with-button">
            <p class="grow detail">{texts.service.compareFirst}</p>
            <button type="button" onClick={() => setDialog("service")}>
              {texts.service.compareButton}
            </button>
          </div>
        )}
        {worklist.damaged.length > 0 && (
          <div class="problem-with-button">
            <p class="problem" role="alert">
              {fill(texts.worklist.damaged, { count: worklist.damaged.length })}
            </p>
            <button
              type="button"
              onClick={() =>
                setQuestion({
                  text: texts.worklist.removeDamagedConfirm,
                  onYes: () => void worklist.removeDamaged().catch((error) => report(error)),
                })
              }
            >
              {texts.worklist.removeDamaged}
            </button>
          </div>
        )}
        {errors.map(({ id, error, name }) => (
          <div key={id}>
            {name !== "" && <strong class="problem-name">{name}</strong>}
            <Problem
              error={error}
              onDismiss={() => setErrors((before) => before.filter((one) => one.id !== id))}
            />
          </div>
        ))}
        <p class="reading" role="status">
          {reading > 0 && fill(texts.worklist.reading, { count: reading })}
        </p>
      </div>

      <div class="tabs" role="tablist" aria-label={texts.product}>
        {PANELS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={panel === name}
            tabIndex={panel === name ? 0 : -1}
            onClick={() => setPanel(name)}
            onKeyDown={(event) => {
              const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
              if (step === undefined) return;
              const next = PANELS[(PANELS.indexOf(name) + step + PANELS.length) % PANELS.length]!;
              setPanel(next);
              document.getElementById(`tab-${next}`)?.focus();
            }}
          >
            {texts.nav[name]}
          </button>
        ))}
      </div>

      <main class="columns">
        <WorklistPanel
          studies={worklist.studies}
          chosen={chosen}
          models={session.models}
          onChoose={(id) => {
            setChosen(id);
            if (panel === "worklist") setPanel("image");
          }}
          onAdd={(files) => void addFiles(files)}
          onForm={() => setDialog("form")}
          onRemove={(one) =>
            setQuestion({
              text: fill(texts.worklist.removeConfirm, { name: one.name }),
              onYes: () => {
                void analyses.remove(one.id).catch((error) => report(error));
                void session.imaging.close(one.id);
                if (chosen === one.id) setChosen(null);
              },
            })
          }
        />
        <section class="image" aria-label={texts.nav.image}>
          {study === undefined ? (
            <p class="hollow">{texts.viewer.none}</p>
          ) : study.kind === "image" ? (
            <Viewer
              key={study.id}
              study={study}
              session={session}
              load={() => worklist.content(study.id)}
              onFrame={(frame) => worklist.showFrame(study.id, frame)}
              onShown={(image) => (shown.current = image)}
            />
          ) : (
            <RecordsTable key={study.id} study={study} session={session} load={() => worklist.content(study.id)} />
          )}
        </section>
        <AnalysisPanel
          study={study}
          studies={worklist.studies}
          session={session}
          analyses={analyses}
          connected={connection === "connected"}
          shown={shown}
          onError={report}
          onStarted={() => setPanel("result")}
          onConnect={() => void connect()}
        />
      </main>

      {dialog === "keys" && <KeysDialog session={session} onClose={() => setDialog(null)} />}
      {dialog === "service" && (
        <ServiceDialog
          session={session}
          connection={connection}
          onConnected={() => {
            setConnection("connected");
            setDialog(null);
            analyses.resume();
          }}
          onClose={() => setDialog(null)}
        />
      )}
      {dialog === "form" && (
        <RecordForm
          models={session.models}
          onClose={() => setDialog(null)}
          onSave={(file) => {
            setDialog(null);
            void addFiles([file]);
          }}
        />
      )}
      {question && <Confirm question={question} onClose={() => setQuestion(null)} />}
    </div>
  );
}

/** A table is worth keeping only if a model that is offered can read it. */
async function checkTable(session: Session, content: Uint8Array): Promise<void> {
  const readers = session.models.filter((model) => model.signature.preprocessing.isForRecords);
  // without a service: that it is a table with records is all that can be known
  if (readers.length === 0) await session.imaging.table(content, 0);
  let failure: unknown = null;
  for (const { signature } of readers) {
    const steps = signature.preprocessing.toJson();
    const [count] = signature.inputShape;
    try {
      await session.imaging.recordInputs(content, signature.inputNames, count!, steps);
      return;
    } catch (error) {
      failure = error;
    }
  }
  if (failure !== null) throw failure;
}
