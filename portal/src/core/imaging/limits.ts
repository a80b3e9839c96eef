// Sizes above which a file is refused (safelight.imaging.limits), before anything is decoded.

import { inputError } from "../errors.ts";

/** A tab has less memory than a workstation's Python: a quarter of its 1 GiB. */
export const MAX_FILE_BYTES = 2 ** 28;
/**
 * Samples of one frame, of all colours: a photograph of 4096 × 4096 pixels, and more than the largest
 * mammogram's 29 million. As doubles they take 400 MB, and a tab should stay below 1 GB.
 */
export const MAX_SAMPLES = 3 * 2 ** 24;
/** Opened images that the worker keeps: the one on the screen, and others while they fit. */
export const MAX_OPEN_BYTES = 2 ** 28;
export const MAX_TABLE_BYTES = 2 ** 26;
/** What a deflated DICOM data set may expand to. */
export const MAX_INFLATED_BYTES = 2 ** 29;

export function checkFrameSize(rows: number, columns: number, samples = 1): void {
  if (!(rows >= 1 && columns >= 1)) throw inputError("no-pixels", { rows, columns });
  if (rows * columns * samples > MAX_SAMPLES) {
    throw inputError("too-many-pixels", { rows, columns });
  }
}
