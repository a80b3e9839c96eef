// A file's bytes to an image, its format told by content.

import { inputError } from "../errors.ts";
import { sniff, type FileFormat } from "./file_format.ts";
import { type LoadedImage, type ValueScale } from "./image.ts";
import { MAX_FILE_BYTES } from "./limits.ts";
import { loadPng } from "./png.ts";

export interface Loaded {
  format: FileFormat;
  planes: LoadedImage;
}

export async function loadImage(content: Uint8Array, valueScale: ValueScale): Promise<Loaded> {
  if (content.length > MAX_FILE_BYTES) throw inputError("file-too-large");
  const format = sniff(content);
  if (format === "PNG") {
    if (valueScale !== "display") throw inputError("no-physical-values");
    return { format, planes: { ...(await loadPng(content)), valueScale } };
  }
  throw inputError("unknown-format");
}
