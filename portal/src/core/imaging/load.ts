// A file's bytes to an opened image, its format told by content.

import { inputError } from "../errors.ts";
import { openDicom } from "./dicom/open.ts";
import { sniff } from "./file_format.ts";
import { loadJpeg } from "./jpeg.ts";
import { MAX_FILE_BYTES } from "./limits.ts";
import { openedPicture, type OpenedImage } from "./opened_image.ts";
import { loadPng } from "./png.ts";

export async function openImage(content: Uint8Array): Promise<OpenedImage> {
  if (content.length > MAX_FILE_BYTES) throw inputError("file-too-large");
  const format = sniff(content);
  switch (format) {
    case "DICOM":
      return openDicom(content);
    case "PNG":
      return openedPicture(format, await loadPng(content));
    case "JPEG":
      return openedPicture(format, await loadJpeg(content));
    case "table":
      throw inputError("image-wanted");
  }
}
