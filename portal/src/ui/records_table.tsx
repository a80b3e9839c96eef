// The records of a table, feature by feature, with what was found for each.

import { useEffect, useState } from "preact/hooks";

import { type Session } from "../client/session.ts";
import { type Study } from "../client/studies.ts";
import { isPositive, kindOfRun, leading } from "../core/model/finding.ts";
import { type Bytes } from "../core/bytes.ts";
import { texts } from "../texts.ts";
import { Problem, useAction } from "./dialog.tsx";
import { toneOf } from "./tone.ts";

const MOST_ROWS = 200;

interface Rows {
  names: string[];
  rows: readonly (ArrayLike<number> | string[])[];
}

export function RecordsTable(props: {
  study: Study;
  session: Session;
  load: () => Promise<Bytes | null>;
}) {
  const { study, session } = props;
  const [records, setRecords] = useState<Rows | null>(null);
  const action = useAction();
  const models = session.models.filter((model) => model.signature.preprocessing.isForRecords);

  useEffect(() => {
    void action.run(async () => {
      setRecords(null);
      if (models.length === 0) {
        // without a service nobody says what the columns are: the table is shown as it stands
        setRecords(await session.imaging.table((await props.load())!, MOST_ROWS));
        return;
      }
      for (const [index, { signature }] of models.entries()) {
        try {
          const content = (await props.load())!;
          const steps = signature.preprocessing.toJson();
          const [count] = signature.inputShape;
          const read = await session.imaging.recordInputs(content, signature.inputNames, count!, steps);
          setRecords({ names: signature.inputNames, rows: read.features });
          return;
        } catch (error) {
          if (index === models.length - 1) throw error;
        }
      }
    });
  }, [study.id, models.length]);

  const run = study.run?.phase === "done" ? study.run : null;
  const findings = run?.findings ?? [];
  const kind = run === null ? "binary" : kindOfRun(run);
  return (
    <div class="records">
      <Problem error={action.error} />
      {records && models.length === 0 && <p class="warning">{texts.viewer.unchecked}</p>}
      {records && (
        <div class="scroller" tabIndex={0} aria-label={study.name} role="region">
          <table>
            <thead>
              <tr>
                <th scope="col">{texts.result.record}</th>
                {findings.length > 0 && <th scope="col" class="outcome">{texts.result.finding}</th>}
                {records.names.map((name) => (
                  <th key={name} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {records.rows.slice(0, MOST_ROWS).map((row, index) => {
                const finding = findings[index];
                return (
                  <tr key={index}>
                    <th scope="row">{index + 1}</th>
                    {finding && (
                      <td class={toneOf(isPositive(finding, kind))}>
                        {finding.finding} {leading(finding, kind).probability.toFixed(3)}
                      </td>
                    )}
                    {Array.from<number | string>(row).map((value, column) => (
                      <td key={column}>{value}</td>
                    ))}
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
