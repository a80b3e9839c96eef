// What the portal needs of a browser.

// (func (try_table)): valid only where WebAssembly has the exceptions that node-seal is built with
const TRY_TABLE = Uint8Array.of(
  0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, 0x01, 0x04, 0x01, 0x60, 0x00, 0x00, 0x03, 0x02,
  0x01, 0x00, 0x0a, 0x08, 0x01, 0x06, 0x00, 0x1f, 0x40, 0x00, 0x0b, 0x0b,
);

export type Support = "good" | "insecure" | "unsupported";

export async function browserSupport(): Promise<Support> {
  if (!globalThis.isSecureContext) return "insecure";
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(TRY_TABLE)) return "unsupported";
  if (!("locks" in navigator) || typeof DecompressionStream === "undefined") return "unsupported";
  try {
    const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    return "publicKey" in pair ? "good" : "unsupported";
  } catch {
    return "unsupported";
  }
}
