// The WebAssembly decoders of compressed pixels: libjpeg-turbo, CharLS and OpenJPEG as cornerstonejs
// builds them. Each is loaded at its first use. Where its .wasm lies is told by whoever runs us: a
// worker fetches it, a test reads it.

import { PortalError, inputError } from "../errors.ts";
import { checkFrameSize } from "./limits.ts";

export type CodecName = "jpeg" | "jpeg-ls" | "jpeg-2000";
export type WasmSource = (codec: CodecName) => Promise<ArrayBuffer>;

/** Samples as a decoder gives them, colour by pixel. */
export interface DecodedFrame {
  width: number;
  height: number;
  components: number;
  bits: number;
  signed: boolean;
  bytes: Uint8Array;
  /** JPEG-LS: whether planes come one after another. */
  planarLayout?: boolean;
}

interface Decoder {
  getEncodedBuffer(length: number): Uint8Array;
  readHeader?(): unknown;
  decode(): void;
  getDecodedBuffer(): Uint8Array;
  getFrameInfo(): {
    width: number;
    height: number;
    componentCount: number;
    bitsPerSample: number;
    isSigned?: boolean;
  };
  getInterleaveMode?(): number;
  delete(): void;
}

type Module = Record<string, new () => Decoder>;
type Factory = (options: object) => Promise<Module>;

const FACTORIES: Readonly<Record<CodecName, { load: () => Promise<unknown>; decoder: string }>> = {
  jpeg: {
    load: () => import("@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs"),
    decoder: "JPEGDecoder",
  },
  "jpeg-ls": {
    load: () => import("@cornerstonejs/codec-charls/decodewasmjs"),
    decoder: "JpegLSDecoder",
  },
  "jpeg-2000": {
    load: () => import("@cornerstonejs/codec-openjpeg/decodewasmjs"),
    decoder: "J2KDecoder",
  },
};

let source: WasmSource | null = null;
const modules = new Map<CodecName, Promise<Module>>();

export function setWasmSource(wasm: WasmSource): void {
  source = wasm;
}

function moduleFor(codec: CodecName): Promise<Module> {
  let module = modules.get(codec);
  if (module === undefined) {
    module = start(codec);
    module.catch(() => modules.delete(codec));
    modules.set(codec, module);
  }
  return module;
}

async function start(codec: CodecName): Promise<Module> {
  if (source === null) throw new PortalError("browser", "worker-failed");
  try {
    const [imported, wasmBinary] = await Promise.all([FACTORIES[codec].load(), source(codec)]);
    let factory = imported as { default?: unknown };
    while (typeof factory !== "function") factory = factory.default as { default?: unknown };
    const quiet = (): void => undefined; // a decoder's words may quote the file
    return await (factory as unknown as Factory)({ wasmBinary, print: quiet, printErr: quiet });
  } catch (error) {
    // such as a script that an upgrade of the service has replaced
    throw error instanceof PortalError ? error : new PortalError("browser", "wasm-failed");
  }
}

export async function decodeFrame(codec: CodecName, encoded: Uint8Array): Promise<DecodedFrame> {
  const module = await moduleFor(codec);
  const decoder = new module[FACTORIES[codec].decoder]!();
  try {
    decoder.getEncodedBuffer(encoded.length).set(encoded);
    decoder.decode();
    const info = decoder.getFrameInfo();
    // a decoder that gave up has a frame without size
    if (!(info.height >= 1 && info.width >= 1)) throw inputError("damaged-image");
    checkFrameSize(info.height, info.width, info.componentCount);
    return {
      width: info.width,
      height: info.height,
      components: info.componentCount,
      bits: info.bitsPerSample,
      signed: info.isSigned ?? false,
      bytes: decoder.getDecodedBuffer().slice(),
      ...(decoder.getInterleaveMode === undefined
        ? {}
        : { planarLayout: isPlanar(decoder.getInterleaveMode()) }),
    };
  } catch (error) {
    if (error instanceof PortalError) throw error;
    // a decoder that aborted is not used again
    if (error instanceof WebAssembly.RuntimeError) modules.delete(codec);
    throw inputError("damaged-image");
  } finally {
    try {
      decoder.delete();
    } catch {
      modules.delete(codec);
    }
  }
}

/** CharLS's interleave modes: 0 none, 1 by line, 2 by sample; only the first gives planes. */
function isPlanar(mode: unknown): boolean {
  const value = typeof mode === "object" && mode !== null ? (mode as { value: number }).value : mode;
  return value === 0;
}
