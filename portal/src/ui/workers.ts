// The two workers of a tab, started once.
//
// Security: browsers offer no integrity tag for a worker's script, nor for what it imports. These come
// from the page's own origin (worker-src 'self') under names that carry their content's digest; what
// they fetch as WebAssembly is checked (wasm.ts). A worker made of checked bytes would need blob: in
// the policy. None of this helps against the server that writes the page: ADR 0017.

import { type CryptoMethods } from "../workers/crypto.ts";
import { type ImagingMethods } from "../workers/imaging.ts";
import { ReplaceableWorker } from "../workers/replaceable.ts";
import { connect, type Remote } from "../workers/rpc.ts";

export interface Workers {
  /** Ends both, with all that they remember; what waits for an answer waits forever. */
  stop: () => void;
  crypto: Remote<CryptoMethods>;
  imaging: Remote<ImagingMethods>;
}

export function startWorkers(): Workers {
  const crypto = new Worker(new URL("../workers/crypto.ts", import.meta.url), { type: "module" });
  // what it is given is a copy of what the page or the vault has, and may move
  const imaging = new ReplaceableWorker<ImagingMethods>(
    () => new Worker(new URL("../workers/imaging.ts", import.meta.url), { type: "module" }),
    ["inspect", "frame", "modelInput"],
  );
  const stop = (): void => {
    crypto.terminate();
    imaging.stop();
  };
  return { stop, crypto: connect<CryptoMethods>(crypto), imaging: imaging.remote };
}
