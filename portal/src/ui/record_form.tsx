// A record typed by hand: one field a feature, kept as a table of one row.

import { useState } from "preact/hooks";

import { type ModelInfo } from "../core/service/answers.ts";
import { inputError } from "../core/errors.ts";
import { parseNumber } from "../core/imaging/records.ts";
import { texts } from "../texts.ts";
import { Dialog, Problem, useAction } from "./dialog.tsx";
import { Field } from "./gate.tsx";

export function RecordForm(props: {
  models: readonly ModelInfo[];
  onSave: (file: File) => void;
  onClose: () => void;
}) {
  const forRecords = props.models.filter((model) => model.signature.inputNames.length > 0);
  const [chosen, setChosen] = useState(0);
  const model = forRecords[chosen];
  const names = model?.signature.inputNames ?? [];
  const [title, setTitle] = useState<string>(texts.form.nameValue);
  const [values, setValues] = useState<Record<string, string>>({});
  const action = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    void action.run(async () => {
      names.forEach((name, column) => {
        const value = parseNumber(values[name] ?? "");
        if (value === null || !Number.isFinite(value)) {
          throw inputError("not-a-number", { row: 1, column: column + 1 });
        }
      });
      const cell = (text: string): string => `"${text.replaceAll('"', '""')}"`;
      const rows = [names.map(cell), names.map((name) => values[name]!.trim())];
      const csv = rows.map((row) => row.join(",")).join("\n");
      props.onSave(new File([csv], title.trim() || texts.form.nameValue, { type: "text/csv" }));
    });
  };
  return (
    <Dialog title={texts.form.title} wide onClose={props.onClose}>
      <p>{texts.form.intro}</p>
      <form class="record-form" onSubmit={submit}>
        {forRecords.length > 1 && (
          <label class="field">
            <span>{texts.form.model}</span>
            <select value={chosen} onChange={(event) => setChosen(Number(event.currentTarget.value))}>
              {forRecords.map((one, index) => (
                <option key={one.name} value={index}>
                  {one.signature.title}
                </option>
              ))}
            </select>
          </label>
        )}
        <Field label={texts.form.name} value={title} onInput={setTitle} />
        <div class="features">
          {names.map((name) => (
            <label key={name} class="field">
              <span>{name}</span>
              <input
                type="text"
                inputMode="decimal"
                required
                autocomplete="off"
                value={values[name] ?? ""}
                onInput={(event) => setValues({ ...values, [name]: event.currentTarget.value })}
              />
            </label>
          ))}
        </div>
        <Problem error={action.error} />
        <div class="row">
          <button type="submit" class="primary">
            {texts.form.save}
          </button>
          <button type="button" onClick={props.onClose}>
            {texts.form.cancel}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
