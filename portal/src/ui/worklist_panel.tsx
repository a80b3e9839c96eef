// Studies of this browser: search, filter, choose, delete, add.

import { useRef, useState } from "preact/hooks";

import { isOpen, type Study } from "../client/studies.ts";
import { identityLine, matches, ordered } from "../client/worklist_order.ts";
import { isPositive, kindOfRun, leading } from "../core/model/finding.ts";
import { type ModelInfo } from "../core/service/answers.ts";
import { fill, sentence, texts } from "../texts.ts";
import { toneOf } from "./tone.ts";

type Filter = "all" | "open" | "finished";

const ACCEPTED = ".dcm,.dicom,.png,.jpg,.jpeg,.csv,.json,application/dicom,image/png,image/jpeg";

export function WorklistPanel(props: {
  studies: readonly Study[];
  chosen: string | null;
  models: readonly ModelInfo[];
  onChoose: (id: string) => void;
  onAdd: (files: File[]) => void;
  onForm: () => void;
  onRemove: (study: Study) => void;
}) {
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<Filter>("all");
  const picker = useRef<HTMLInputElement>(null);
  const visible = props.studies.filter((study) => {
    if (filter === "finished" && study.run?.phase !== "done") return false;
    if (filter === "open" && study.run?.phase === "done") return false;
    return matches(study, search);
  });
  const takesRecords = props.models.some((model) => model.signature.preprocessing.isForRecords);
  return (
    <section class="worklist" aria-label={texts.worklist.title}>
      <div class="add">
        <button type="button" class="primary" onClick={() => picker.current?.click()}>
          {texts.worklist.add}
        </button>
        {takesRecords && (
          <button type="button" onClick={props.onForm}>
            {texts.worklist.form}
          </button>
        )}
        <input
          ref={picker}
          type="file"
          multiple
          hidden
          accept={ACCEPTED}
          onChange={(event) => {
            props.onAdd([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
        <small>{texts.worklist.addHint}</small>
      </div>
      <div class="filters">
        <input
          type="search"
          aria-label={texts.worklist.search}
          placeholder={texts.worklist.search}
          value={search}
          onInput={(event) => setSearch(event.currentTarget.value)}
        />
        <div class="segmented" role="group" aria-label={texts.worklist.title}>
          {(["all", "open", "finished"] as const).map((name) => (
            <button
              key={name}
              type="button"
              aria-pressed={filter === name}
              onClick={() => setFilter(name)}
            >
              {texts.worklist[name]}
            </button>
          ))}
        </div>
      </div>
      {props.studies.length === 0 ? (
        <p class="hollow">{texts.worklist.empty}</p>
      ) : visible.length === 0 ? (
        <p class="hollow">{texts.worklist.noMatch}</p>
      ) : (
        <ul>
          {ordered(visible).map(({ study, heading }) => (
            <li key={study.id} class={study.id === props.chosen ? "chosen" : ""}>
              <button
                type="button"
                class="study"
                aria-current={study.id === props.chosen ? "true" : undefined}
                onClick={() => props.onChoose(study.id)}
              >
                {heading && (
                  <span class="series">
                    {fill(texts.worklist.series, heading)}
                  </span>
                )}
                <span class="name">{study.name}</span>
                {identityLine(study) !== "" && <span class="identity">{identityLine(study)}</span>}
                <span class="detail">{detailOf(study)}</span>
                <Outcome study={study} />
              </button>
              <button
                type="button"
                class="quiet remove"
                aria-label={`${texts.worklist.remove}: ${study.name}`}
                title={texts.worklist.remove}
                onClick={() => props.onRemove(study)}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function detailOf(study: Study): string {
  const time = new Date(study.addedAt).toLocaleString([], {
    month: "short",
    day: "numeric",
    hour: "2-digit",
    hourCycle: "h23",
    minute: "2-digit",
  });
  if (study.summary === null) return `${texts.worklist.records} · ${time}`;
  const { modality, format, columns, rows, frameCount } = study.summary;
  const frames = frameCount > 1 ? ` × ${frameCount}` : "";
  return `${modality || format} ${columns}×${rows}${frames} · ${time}`;
}

function Outcome({ study }: { study: Study }) {
  const { run } = study;
  if (run === null) return null;
  if (run.phase === "failed") {
    return (
      <span class="outcome failed" title={run.error === null ? "" : sentence(run.error)}>
        {texts.run.phase.failed}
      </span>
    );
  }
  if (isOpen(run)) return <span class="outcome working">{texts.run.phase[run.phase]}</span>;
  const [first] = run.findings;
  if (first === undefined) return null;
  const kind = kindOfRun(run);
  if (run.findings.length === 1) {
    return (
      <span class={`outcome ${toneOf(isPositive(first, kind))}`}>
        {first.finding} {leading(first, kind).probability.toFixed(3)}
      </span>
    );
  }
  const positives = run.findings.filter((one) => one.finding === one.positive).length;
  const tone = kind === "multiclass" ? "neutral" : toneOf(positives > 0);
  return (
    <span class={`outcome ${tone}`}>
      {positives} / {run.findings.length} {first.positive}
    </span>
  );
}
