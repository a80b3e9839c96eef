// The service: whether it answers, whom we trust, another access token.

import { useState } from "preact/hooks";

import { type Session } from "../client/session.ts";
import { type ErrorMessage } from "../core/errors.ts";
import { fill, texts } from "../texts.ts";
import { Dialog, Problem, useAction } from "./dialog.tsx";
import { Field } from "./gate.tsx";

export function ServiceDialog(props: {
  session: Session;
  connection: "connecting" | "connected" | ErrorMessage;
  onConnected: () => void;
  onClose: () => void;
}) {
  const { session, connection } = props;
  const [token, setToken] = useState("");
  const action = useAction();
  const connected = (work: () => Promise<void>): void =>
    void action.run(async () => {
      await work();
      props.onConnected();
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
          connected(() => session.setToken(token));
        }}
      >
        <Field label={texts.service.newToken} value={token} onInput={setToken} hint={texts.vault.tokenHint} />
        <Problem error={action.error} />
        <button type="submit" class="primary" disabled={action.busy}>
          {texts.service.save}
        </button>
      </form>
    </Dialog>
  );
}
