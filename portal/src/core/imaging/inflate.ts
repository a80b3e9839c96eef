// Inflating with the browser's own decompressor, never beyond a limit.

import { concatAll, type Bytes } from "../bytes.ts";
import { inputError } from "../errors.ts";

export async function inflate(
  data: Uint8Array,
  format: "deflate" | "deflate-raw",
  limit: number,
): Promise<Bytes> {
  const source = new Blob([data as Bytes]).stream();
  const reader = source.pipeThrough(new DecompressionStream(format)).getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > limit) throw inputError("expands-too-far");
      parts.push(value);
    }
  } catch (error) {
    await reader.cancel().catch(() => undefined);
    // bytes behind the end of the stream are an error to the browser and none to us
    if (error instanceof TypeError && size > 0) return concatAll(parts);
    throw error instanceof TypeError ? inputError("damaged-image") : error;
  }
  return concatAll(parts);
}
