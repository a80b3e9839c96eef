// WebAssembly as it was built: the browser refuses a file with another digest.

import { PortalError } from "../core/errors.ts";

export async function fetchWasm(url: string, integrity: string): Promise<ArrayBuffer> {
  try {
    const response = await fetch(url, { integrity, credentials: "omit", redirect: "error" });
    if (!response.ok) throw new RangeError("not there");
    return await response.arrayBuffer();
  } catch {
    throw new PortalError("browser", "wasm-failed");
  }
}
