// The answer: finding, probability against the operating point, protection, timings, signed receipt.

import { type RefObject } from "preact";
import { useState } from "preact/hooks";

import { reportJson, reportPdf, type ReportPicture } from "../client/report.ts";
import { receiptOf, type Run, type Study } from "../client/studies.ts";
import { isPositive, kindOfRun, leading, type Finding } from "../core/model/finding.ts";
import { type Kind } from "../core/model/outputs.ts";
import { decimals, duration, fill, size, texts } from "../texts.ts";
import { paint } from "./rendering.ts";
import { save } from "./saving.ts";
import { toneOf } from "./tone.ts";
import { type ShownImage } from "./viewer.tsx";

export function ResultView(props: {
  study: Study;
  run: Run;
  shown: RefObject<ShownImage>;
  onError: (error: unknown) => void;
}) {
  const { study, run } = props;
  const [chosen, setChosen] = useState(0);
  const record = Math.min(chosen, run.findings.length - 1);
  const finding = run.findings[record];
  const kind = kindOfRun(run);
  const receipt = receiptOf(run, record);
  if (finding === undefined || receipt === undefined) return null;
  const frames = study.summary?.frameCount ?? 1;
  const file = study.name.replace(/\.[^.]*$/, "");
  return (
    <article class="result">
      {run.findings.length > 1 && (
        <label class="field">
          <span>{texts.result.record}</span>
          <select value={chosen} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
            {run.findings.map((one, index) => (
              <option key={index} value={index}>
                {index + 1}: {one.finding} {leading(one, kind).probability.toFixed(3)}
              </option>
            ))}
          </select>
        </label>
      )}
      <FindingView finding={finding} kind={kind} />
      {frames > 1 && study.frame !== run.frame && (
        <p class="warning">
          {fill(texts.result.otherFrame, { analysed: run.frame + 1, shown: study.frame + 1 })}
        </p>
      )}
      <dl class="facts">
        {frames > 1 && (
          <>
            <dt>{texts.nav.image}</dt>
            <dd>{fill(texts.viewer.frameOf, { index: run.frame + 1, count: frames })}</dd>
          </>
        )}
        <dt>{texts.result.model}</dt>
        <dd>
          {run.title}, {fill(texts.result.version, { version: run.version })}
        </dd>
        <dt>{texts.result.protection}</dt>
        <dd>
          <strong>{receipt.level}</strong>: {texts.protection.long}
        </dd>
        <dt>{texts.result.parameters}</dt>
        <dd>
          CKKS, {fill(texts.keys.ring, { n: run.n, bits: Math.round(run.log2Qp) })}
        </dd>
        <dt>{texts.result.sent}</dt>
        <dd>{fill(texts.result.sentValue, { size: size(run.requestBytes) })}</dd>
      </dl>
      <p class="verified">
        <span aria-hidden="true">✓</span> {texts.result.verified}
      </p>
      <details>
        <summary>{texts.result.timings}</summary>
        <dl class="timings">
          {Object.entries(texts.result.timing).map(([phase, label]) =>
            run.timingsMs[phase] === undefined ? null : (
              <div key={phase}>
                <dt>{label}</dt>
                <dd>{duration(run.timingsMs[phase])}</dd>
              </div>
            ),
          )}
        </dl>
      </details>
      <details>
        <summary>{texts.result.receipt}</summary>
        <p>{texts.result.receiptIntro}</p>
        <p class="detail">{texts.result.receiptProof}</p>
        <dl class="receipt">
          {Object.entries(texts.result.statement).map(([field, label]) => (
            <div key={field}>
              <dt>{label}</dt>
              <dd>
                <code>
                  {field === "serviceTime"
                    ? new Date(1000 * receipt.serviceTime).toISOString()
                    : String(receipt[field as keyof typeof receipt])}
                </code>
              </dd>
            </div>
          ))}
        </dl>
      </details>
      <div class="row">
        <button
          type="button"
          onClick={() => {
            reportPdf(study, run, pictureFor(props.shown.current, study.id))
              .then((pdf) => save(pdf, `${file}-report.pdf`, "application/pdf"))
              .catch(props.onError);
          }}
        >
          {texts.result.pdf}
        </button>
        <button
          type="button"
          onClick={() => {
            const json = new TextEncoder().encode(reportJson(study, run));
            save(json, `${file}-report.json`, "application/json");
          }}
        >
          {texts.result.json}
        </button>
      </div>
    </article>
  );
}

/** What is on the screen now, as the screen shows it; none while a frame is read. */
function pictureFor(shown: ShownImage | null, studyId: string): ReportPicture | null {
  if (shown?.studyId !== studyId) return null;
  const image = new ImageData(shown.frame.width, shown.frame.height);
  paint(shown.frame, shown.greys, image);
  return { image, frame: shown.index };
}

const percent = (value: number): string => `${(100 * value).toFixed(1)}%`;

function FindingView({ finding, kind }: { finding: Finding; kind: Kind }) {
  const tone = toneOf(isPositive(finding, kind));
  if (kind !== "binary") return <Classes finding={finding} kind={kind} tone={tone} />;
  const point = fill(texts.result.point, { value: decimals(finding.threshold) });
  // the answer itself says on which side it is: the rounded number may lie on the point
  const words = tone === "positive" ? texts.result.above : texts.result.below;
  return (
    <>
      <h2 class={`finding ${tone}`}>{finding.finding}</h2>
      <p class="probability">
        {fill(texts.result.probability, { name: finding.positive })}{" "}
        <strong>{finding.probability.toFixed(3)}</strong>
      </p>
      <div class="scale">
        <div
          class="track"
          role="meter"
          aria-valuemin={0}
          aria-valuemax={1}
          aria-valuenow={finding.probability}
          aria-label={fill(texts.result.probability, { name: finding.positive })}
          aria-valuetext={`${finding.probability.toFixed(3)}, ${words} ${decimals(finding.threshold)}`}
        >
          <div
            class={`value ${tone}`}
            style={{ width: percent(finding.probability) }}
          />
          <div class="point" style={{ left: percent(finding.threshold) }} />
        </div>
        <div class="ticks" aria-hidden="true">
          <span>0</span>
          <span class="at" style={{ left: percent(finding.threshold) }}>
            {point}
          </span>
          <span>1</span>
        </div>
      </div>
      <p class="detail">{texts.result.calibrated}</p>
    </>
  );
}

/** One of several classes, or several at once: the probability of each. */
function Classes({ finding, kind, tone }: { finding: Finding; kind: Kind; tone: string }) {
  const several = kind === "multilabel";
  return (
    <>
      <h2 class={`finding ${tone}`}>{finding.finding}</h2>
      <dl class="classes">
        {Object.entries(finding.probabilities).map(([name, value]) => {
          const found = several ? value >= finding.threshold : name === finding.finding;
          return (
            <div key={name} class={found ? "found" : ""}>
              <dt>{name}</dt>
              <dd>{value.toFixed(3)}</dd>
              <div class="track" aria-hidden="true">
                <div class={`value ${found ? tone : "other"}`} style={{ width: percent(value) }} />
                {several && <div class="point" style={{ left: percent(finding.threshold) }} />}
              </div>
            </div>
          );
        })}
      </dl>
      <p class="detail">
        {several
          ? fill(texts.result.manyCalibrated, { point: decimals(finding.threshold) })
          : texts.result.oneCalibrated}
      </p>
    </>
  );
}
