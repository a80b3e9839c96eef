// Secret keys: export, import, delete.

import { useEffect, useRef, useState } from "preact/hooks";

import { type Session } from "../client/session.ts";
import { askToPersist } from "../client/vault.ts";
import { toHex } from "../core/bytes.ts";
import { keyError } from "../core/errors.ts";
import { log2Qp } from "../core/ckks/parameters.ts";
import { fill, texts } from "../texts.ts";
import { type StoredKey } from "../workers/crypto.ts";
import { Confirm, Dialog, Problem, useAction, type Question } from "./dialog.tsx";
import { Field } from "./gate.tsx";
import { save } from "./saving.ts";

export function KeysDialog({ session, onClose }: { session: Session; onClose: () => void }) {
  const [keys, setKeys] = useState<StoredKey[]>([]);
  const [exporting, setExporting] = useState<StoredKey | null>(null);
  const [file, setFile] = useState<File | null>(null);
  const [passphrase, setPassphrase] = useState("");
  const [repeat, setRepeat] = useState("");
  const [own, setOwn] = useState("");
  const [said, setSaid] = useState("");
  const [question, setQuestion] = useState<Question | null>(null);
  const picker = useRef<HTMLInputElement>(null);
  const [isSafe, setSafe] = useState(true);
  const action = useAction();
  const refresh = async (): Promise<void> => {
    setSafe(await askToPersist());
    setKeys(await session.secretKeys());
  };
  useEffect(() => void action.run(refresh), []);

  const exportKey = (event: Event): void => {
    event.preventDefault();
    void action.run(async () => {
      if (passphrase !== repeat) throw keyError("mismatch");
      const bytes = await session.exportKey(exporting!.parametersDigest, passphrase, own);
      save(bytes, `safelight-${toHex(exporting!.epoch).slice(0, 8)}.key`, "application/octet-stream");
      setExporting(null);
      for (const forget of [setPassphrase, setRepeat, setOwn]) forget("");
      setSaid(texts.keys.exported);
    });
  };
  const importKey = (): void =>
    void action.run(async () => {
      await session.importKey(new Uint8Array(await file!.arrayBuffer()), passphrase);
      setFile(null);
      setPassphrase("");
      setSaid(texts.keys.imported);
      await refresh();
    });
  const remove = (key: StoredKey): void =>
    void action.run(async () => {
      await session.deleteKey(key.parametersDigest);
      setSaid(texts.keys.deleted);
      await refresh();
    });

  return (
    <Dialog title={texts.keys.title} onClose={onClose}>
      <p>{texts.keys.intro}</p>
      <p class="warning">{texts.vault.lostWarning}</p>
      {!isSafe && <p class="warning">{texts.keys.mayBeEvicted}</p>}
      {keys.length === 0 && <p class="hollow">{texts.keys.none}</p>}
      <ul class="keys">
        {keys.map((key) => (
          <li key={key.parametersDigest}>
            <div>
              <strong>
                {fill(texts.keys.ring, { n: key.n, bits: Math.round(log2Qp(key.primes)) })}
              </strong>
              <small>
                {texts.keys.epoch} <code>{toHex(key.epoch)}</code>
              </small>
            </div>
            <button type="button" onClick={() => setExporting(key)}>
              {texts.keys.exportKey}
            </button>
            <button
              type="button"
              class="danger"
              onClick={() => setQuestion({ text: texts.keys.deleteConfirm, onYes: () => remove(key) })}
            >
              {texts.keys.deleteKey}
            </button>
          </li>
        ))}
      </ul>
      {exporting && (
        <form onSubmit={exportKey} aria-busy={action.busy}>
          <p>{texts.keys.exportIntro}</p>
          <Field label={texts.keys.ownPassphrase} value={own} onInput={setOwn} password autoComplete="current-password" />
          <Field label={texts.keys.filePassphrase} value={passphrase} onInput={setPassphrase} password autoComplete="new-password" />
          <Field label={texts.keys.repeat} value={repeat} onInput={setRepeat} password autoComplete="new-password" />
          <button type="submit" class="primary" disabled={action.busy}>
            {texts.keys.save}
          </button>
        </form>
      )}
      {file && (
        <form
          aria-busy={action.busy}
          onSubmit={(event) => {
            event.preventDefault();
            if (keys.length > 0) setQuestion({ text: texts.keys.replaceConfirm, onYes: importKey });
            else importKey();
          }}
        >
          <Field label={texts.keys.filePassphrase} value={passphrase} onInput={setPassphrase} password autoComplete="off" />
          <button type="submit" class="primary" disabled={action.busy}>
            {texts.keys.importKey}
          </button>
        </form>
      )}
      {!exporting && !file && (
        <button type="button" onClick={() => picker.current?.click()}>
          {texts.keys.importKey}
        </button>
      )}
      <input
        ref={picker}
        type="file"
        hidden
        aria-label={texts.keys.importKey}
        onChange={(event) => {
          setFile(event.currentTarget.files?.[0] ?? null);
          setSaid("");
          event.currentTarget.value = "";
        }}
      />
      <Problem error={action.error} />
      <p role="status">{said}</p>
      {question && <Confirm question={question} onClose={() => setQuestion(null)} />}
    </Dialog>
  );
}
