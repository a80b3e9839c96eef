// What stands before the worklist: setting up, unlocking, another tab, a browser that is too old.

import { type ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

import { Session, checkServiceKey } from "../client/session.ts";
import { MIN_PASSPHRASE_CHARS, Vault } from "../client/vault.ts";
import { keyError } from "../core/errors.ts";
import { fill, texts } from "../texts.ts";
import { Confirm, Problem, useAction, type Question } from "./dialog.tsx";
import { type Workers } from "./workers.ts";

export function Gate(props: {
  exists: boolean;
  workers: Workers;
  onOpen: (session: Session) => void;
  onDestroyed: () => void;
}) {
  return (
    <main class="gate">
      <h1>
        <img src="/icon.svg" alt="" width="40" height="40" /> {texts.product}
      </h1>
      <p class="lead">{texts.tagline}</p>
      <p class="notice">{texts.notDevice}</p>
      {props.exists ? <Unlock {...props} /> : <Create {...props} />}
    </main>
  );
}

interface GateProps {
  workers: Workers;
  onOpen: (session: Session) => void;
  onDestroyed: () => void;
}

function Create({ workers, onOpen }: GateProps) {
  const [passphrase, setPassphrase] = useState("");
  const [repeat, setRepeat] = useState("");
  const [token, setToken] = useState("");
  const [serviceKey, setServiceKey] = useState("");
  const action = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    void action.run(async () => {
      if (passphrase !== repeat) throw keyError("mismatch");
      checkServiceKey(serviceKey);
      const vault = await Vault.create(passphrase, workers.crypto.deriveKey);
      const session = await Session.start(vault, workers.crypto, workers.imaging);
      // a wrong token is asked for again inside; the vault is made
      await session.setToken(token, serviceKey).catch(() => undefined);
      onOpen(session);
    });
  };
  return (
    <form onSubmit={submit} aria-busy={action.busy}>
      <h2>{texts.vault.createTitle}</h2>
      <p>{texts.vault.createIntro}</p>
      <Field label={texts.vault.token} value={token} onInput={setToken} hint={texts.vault.tokenHint} autoComplete="off" />
      <Field label={texts.vault.passphrase} value={passphrase} onInput={setPassphrase} hint={fill(texts.vault.passphraseHint, { count: MIN_PASSPHRASE_CHARS })} password autoComplete="new-password" />
      <Field label={texts.vault.repeat} value={repeat} onInput={setRepeat} password autoComplete="new-password" />
      <p class="warning">{texts.vault.lostWarning}</p>
      <Problem error={action.error} />
      <button type="submit" class="primary" disabled={action.busy}>
        {action.busy ? texts.vault.working : texts.vault.create}
      </button>
      <details>
        <summary>{texts.vault.hasServiceKey}</summary>
        <Field label={texts.vault.serviceKey} value={serviceKey} onInput={setServiceKey} hint={texts.vault.serviceKeyHint} optional />
      </details>
    </form>
  );
}

function Unlock({ workers, onOpen, onDestroyed }: GateProps) {
  const [passphrase, setPassphrase] = useState("");
  const action = useAction();
  const submit = (event: Event): void => {
    event.preventDefault();
    void action.run(async () => {
      const vault = await Vault.unlock(passphrase, workers.crypto.deriveKey);
      onOpen(await Session.start(vault, workers.crypto, workers.imaging));
    });
  };
  return (
    <form onSubmit={submit} aria-busy={action.busy}>
      <h2>{texts.vault.unlockTitle}</h2>
      <p>{texts.vault.unlockIntro}</p>
      <Field label={texts.vault.passphrase} value={passphrase} onInput={setPassphrase} password autoComplete="current-password" />
      <Problem error={action.error} />
      <button type="submit" class="primary" disabled={action.busy}>
        {action.busy ? texts.vault.working : texts.vault.unlock}
      </button>
      <details>
        <summary>{texts.vault.forgot}</summary>
        <DestroyAll onDestroyed={onDestroyed} />
      </details>
    </form>
  );
}

/** The way out where a passphrase is lost or what is kept cannot be opened. */
export function DestroyAll({ onDestroyed }: { onDestroyed: () => void }) {
  const [question, setQuestion] = useState<Question | null>(null);
  const action = useAction();
  const destroy = (): void =>
    void action.run(async () => {
      await Vault.destroy();
      onDestroyed();
    });
  return (
    <>
      <p>{texts.vault.destroyIntro}</p>
      <Problem error={action.error} />
      <button
        type="button"
        class="danger"
        disabled={action.busy}
        onClick={() => setQuestion({ text: texts.vault.destroyConfirm, onYes: destroy })}
      >
        {texts.vault.destroy}
      </button>
      {question && <Confirm question={question} onClose={() => setQuestion(null)} />}
    </>
  );
}

export function Field(props: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  hint?: string;
  password?: boolean;
  optional?: boolean;
  autoComplete?: string;
}) {
  const id = useId(); // a hint inside the label would be part of the field's name
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        aria-describedby={props.hint ? `${id}-hint` : undefined}
        type={props.password ? "password" : "text"}
        value={props.value}
        autocomplete={(props.autoComplete ?? "off") as "off"}
        spellcheck={false}
        required={!props.optional}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      {props.hint && <small id={`${id}-hint`}>{props.hint}</small>}
    </div>
  );
}

export function Stop(props: {
  title: string;
  text: string;
  button?: { label: string; onClick: () => void };
  children?: ComponentChildren;
}) {
  return (
    <main class="gate">
      <h1>{props.title}</h1>
      <p class="notice">{texts.notDevice}</p>
      <p class="lead">{props.text}</p>
      {props.button && (
        <button type="button" class="primary" onClick={props.button.onClick}>
          {props.button.label}
        </button>
      )}
      {props.children}
    </main>
  );
}
