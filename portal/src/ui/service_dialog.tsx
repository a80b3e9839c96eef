// The service: whether it answers, whom we trust, another access token.

import { useEffect, useState } from "preact/hooks";

import { type Session } from "../client/session.ts";
import { type ErrorMessage } from "../core/errors.ts";
import { fill, texts } from "../texts.ts";
import { Confirm, Dialog, Problem, useAction, type Question } from "./dialog.tsx";
import { Field } from "./gate.tsx";

export function ServiceDialog(props: {
  session: Session;
  connection: "connecting" | "connected" | ErrorMessage;
  onConnected: () => void;
  onClose: () => void;
}) {
  const { session, connection } = props;
  const [token, setToken] = useState("");
  const [serviceKey, setServiceKey] = useState("");
  const [unused, setUnused] = useState(0);
  const [said, setSaid] = useState("");
  const [question, setQuestion] = useState<Question | null>(null);
  const [isUncompared, setUncompared] = useState(session.isKeyUncompared);
  const action = useAction();
  const connected = (work: () => Promise<void>): void =>
    void action.run(async () => {
      await work();
      props.onConnected();
    });
  const count = async (): Promise<void> => setUnused((await session.unusedKeysets()).length);
  useEffect(() => {
    if (connection === "connected") void count().catch(() => undefined); // of no use without an answer
  }, [connection]);
  const deleteUnused = (): void =>
    void action.run(async () => {
      try {
        await session.deleteUnusedKeysets();
        setSaid(texts.service.unusedDeleted);
      } finally {
        await count();
      }
    });
  const confirmKey = (): void =>
    void action.run(async () => {
      await session.confirmServiceKey();
      setUncompared(false);
    });
  const state =
    connection === "connected"
      ? texts.service.connected
      : connection === "connecting"
        ? texts.service.connecting
        : texts.service.offline;
  const offered =
    typeof connection === "object" && connection.code === "service-key-changed"
      ? String(connection.values.key)
      : null;
  return (
    <Dialog title={texts.service.title} onClose={props.onClose}>
      <p>
        <strong>{state}</strong> <code>{location.origin}</code>
      </p>
      {typeof connection === "object" && <Problem error={connection} />}
      {session.serviceKey && (
        <p>
          {texts.service.signingKey}: <code>{session.serviceKey}</code>
        </p>
      )}
      {isUncompared && (
        <>
          <p class="warning">{texts.service.compare}</p>
          <button type="button" disabled={action.busy} onClick={confirmKey}>
            {texts.service.compared}
          </button>
        </>
      )}
      {unused > 0 && (
        <>
          <p class="detail">{fill(texts.service.unused, { count: unused })}</p>
          <button
            type="button"
            class="danger"
            disabled={action.busy}
            onClick={() =>
              setQuestion({ text: texts.service.deleteUnusedConfirm, onYes: deleteUnused })
            }
          >
            {texts.service.deleteUnused}
          </button>
        </>
      )}
      <p role="status">{said}</p>
      {connection === "connected" && session.elsewhere.length > 0 && (
        <p class="detail">
          {fill(texts.service.elsewhere, { names: session.elsewhere.join(", ") })}
        </p>
      )}
      {offered !== null && (
        <>
          <p>
            {texts.service.offeredKey}: <code>{offered}</code>
          </p>
          <button
            type="button"
            class="danger"
            onClick={() => connected(() => session.trustNewService(offered))}
          >
            {texts.service.trustNew}
          </button>
        </>
      )}
      <form
        aria-busy={action.busy}
        onSubmit={(event) => {
          event.preventDefault();
          connected(() => session.setToken(token, serviceKey));
        }}
      >
        <Field label={texts.service.newToken} value={token} onInput={setToken} hint={texts.vault.tokenHint} />
        <Field label={texts.vault.serviceKey} value={serviceKey} onInput={setServiceKey} hint={texts.vault.serviceKeyHint} optional />
        <Problem error={action.error} />
        <button type="submit" class="primary" disabled={action.busy}>
          {texts.service.save}
        </button>
      </form>
      {question && <Confirm question={question} onClose={() => setQuestion(null)} />}
    </Dialog>
  );
}
