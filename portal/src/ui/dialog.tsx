import { type ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";

import { toMessage, type ErrorMessage } from "../core/errors.ts";
import { sentence, texts } from "../texts.ts";

/** A modal dialog; Escape closes it, and the focus goes back to where it was. */
export function Dialog(props: {
  title: string;
  onClose: () => void;
  wide?: boolean;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  const title = useId();
  // before the next key press is read: a modal that opens later would miss its Escape
  useLayoutEffect(() => {
    const before = document.activeElement;
    element.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={props.wide ? "wide" : ""}
      aria-labelledby={title}
      onClose={props.onClose}
    >
      <header>
        <h2 id={title}>{props.title}</h2>
        <button type="button" class="quiet" onClick={() => element.current?.close()}>
          {texts.keys.close}
        </button>
      </header>
      {props.children}
    </dialog>
  );
}

/** What went wrong, said aloud by screen readers. */
export function Problem(props: { error: ErrorMessage | null; onDismiss?: () => void }) {
  if (props.error === null) return null;
  return (
    <div class="problem" role="alert">
      <p>{sentence(props.error)}</p>
      {props.onDismiss && (
        <button type="button" class="quiet" onClick={props.onDismiss}>
          {texts.dismiss}
        </button>
      )}
    </div>
  );
}

/** Runs actions one at a time, with what went wrong and whether one runs. */
export function useAction(): {
  busy: boolean;
  error: ErrorMessage | null;
  run: (action: () => Promise<void>) => Promise<void>;
  clear: () => void;
} {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<ErrorMessage | null>(null);
  return {
    busy,
    error,
    clear: () => setError(null),
    run: async (action) => {
      setBusy(true);
      setError(null);
      try {
        await action();
      } catch (caught) {
        setError(toMessage(caught));
      } finally {
        setBusy(false);
      }
    },
  };
}

export interface Question {
  text: string;
  onYes: () => void;
}

/** Asks before something that cannot be undone. */
export function Confirm(props: { question: Question; onClose: () => void }) {
  return (
    <Dialog title={texts.confirm.title} onClose={props.onClose}>
      <p>{props.question.text}</p>
      <div class="row">
        <button
          type="button"
          class="danger"
          onClick={() => {
            props.question.onYes();
            props.onClose();
          }}
        >
          {texts.confirm.yes}
        </button>
        <button type="button" onClick={props.onClose}>
          {texts.confirm.no}
        </button>
      </div>
    </Dialog>
  );
}
