// The two workers of a tab, started once.

import { type CryptoMethods } from "../workers/crypto.ts";
import { type ImagingMethods } from "../workers/imaging.ts";
import { connect, type Remote } from "../workers/rpc.ts";

export interface Workers {
  /** Ends both, with all that they remember; what waits for an answer waits forever. */
  stop: () => void;
  crypto: Remote<CryptoMethods>;
  imaging: Remote<ImagingMethods>;
}

export function startWorkers(): Workers {
  const crypto = new Worker(new URL("../workers/crypto.ts", import.meta.url), { type: "module" });
  const imaging = new Worker(new URL("../workers/imaging.ts", import.meta.url), { type: "module" });
  const stop = (): void => {
    crypto.terminate();
    imaging.terminate();
  };
  return { stop, crypto: connect<CryptoMethods>(crypto), imaging: connect<ImagingMethods>(imaging) };
}
