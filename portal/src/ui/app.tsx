// Which screen is shown: a browser that is too old, another tab, the gate, or the workbench.

import { useEffect, useRef, useState } from "preact/hooks";

import { Analyses } from "../client/analyses.ts";
import { claimVault } from "../client/one_tab.ts";
import { type Session } from "../client/session.ts";
import { Worklist } from "../client/studies.ts";
import { Vault } from "../client/vault.ts";
import { toMessage, type ErrorMessage } from "../core/errors.ts";
import { sentence, texts } from "../texts.ts";
import { DestroyAll, Gate, Stop } from "./gate.tsx";
import { browserSupport, type Support } from "./support.ts";
import { Workbench } from "./workbench.tsx";
import { type Workers } from "./workers.ts";

type Screen =
  | { name: "starting" }
  | { name: "stopped"; support: Support }
  | { name: "broken"; error: ErrorMessage }
  | { name: "other-tab" }
  | { name: "moved" }
  | { name: "gate"; exists: boolean }
  | { name: "open"; session: Session; worklist: Worklist; analyses: Analyses };

/** A worker that is busy is not waited for: it ends with the page. */
const OVERWRITE_MS = 200;

export function App({ workers }: { workers: Workers }) {
  const [screen, setScreen] = useState<Screen>({ name: "starting" });
  const opened = useRef<Session | null>(null);

  /** Overwrites the secret keys: the process that holds them outlives a reload and a worker's end. */
  const overwriteKeys = async (): Promise<void> => {
    const patience = new Promise<void>((resolve) => setTimeout(resolve, OVERWRITE_MS));
    await Promise.race([workers.crypto.forget().catch(() => undefined), patience]);
  };

  const showGate = async (): Promise<void> => {
    try {
      setScreen({ name: "gate", exists: await Vault.exists() });
    } catch (error) {
      setScreen({ name: "broken", error: toMessage(error) });
    }
  };

  const claim = async (takeOver: boolean): Promise<void> => {
    // whoever loses the vault stops at once: no key is kept, and nothing can be written any more
    const lost = (): void => {
      opened.current?.vault.close();
      setScreen({ name: "moved" });
      void overwriteKeys().then(workers.stop);
    };
    if (await claimVault(takeOver, lost)) await showGate();
    else setScreen({ name: "other-tab" });
  };

  useEffect(() => {
    void (async () => {
      const support = await browserSupport();
      if (support !== "good") setScreen({ name: "stopped", support });
      else await claim(false);
    })();
  }, []);

  const open = async (session: Session): Promise<void> => {
    opened.current = session;
    try {
      void workers.crypto.start().catch(() => undefined); // while the person looks around
      const worklist = await Worklist.load(session.vault);
      const analyses = new Analyses(session, worklist);
      setScreen({ name: "open", session, worklist, analyses });
    } catch (error) {
      setScreen({ name: "broken", error: toMessage(error) });
    }
  };

  switch (screen.name) {
    case "starting":
      return <p class="starting">{texts.start.checking}</p>;
    case "stopped":
      return screen.support === "insecure" ? (
        <Stop title={texts.start.insecureTitle} text={texts.start.insecure} />
      ) : (
        <Stop title={texts.start.unsupportedTitle} text={texts.start.unsupported} />
      );
    case "broken":
      return (
        <Stop
          title={texts.errorTitle}
          text={sentence(screen.error)}
          button={{ label: texts.start.reload, onClick: () => location.reload() }}
        >
          <DestroyAll onDestroyed={() => location.reload()} />
        </Stop>
      );
    case "other-tab":
      return (
        <Stop
          title={texts.start.otherTabTitle}
          text={texts.start.otherTab}
          button={{ label: texts.start.takeOver, onClick: () => void claim(true) }}
        />
      );
    case "moved":
      return (
        <Stop
          title={texts.start.movedTitle}
          text={texts.start.moved}
          button={{ label: texts.start.takeOver, onClick: () => location.reload() }}
        />
      );
    case "gate":
      return (
        <Gate
          exists={screen.exists}
          workers={workers}
          onOpen={(session) => void open(session)}
          onDestroyed={() => void showGate()}
        />
      );
    case "open":
      return (
        <Workbench
          session={screen.session}
          worklist={screen.worklist}
          analyses={screen.analyses}
          onLock={() => void overwriteKeys().then(() => location.reload())}
        />
      );
  }
}
