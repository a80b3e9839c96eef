// A person's file, whole in memory or not at all.

import { type Bytes } from "../bytes.ts";
import { inputError } from "../errors.ts";
import { MAX_FILE_BYTES } from "./limits.ts";

/** Raises: input/file-too-large before anything is read; input/unreadable-file. */
export async function readWhole(file: Blob): Promise<Bytes> {
  if (file.size > MAX_FILE_BYTES) throw inputError("file-too-large");
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch {
    throw inputError("unreadable-file"); // a folder, moved away, or without leave to read it
  }
}
