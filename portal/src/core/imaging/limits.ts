// Sizes above which a file is refused (safelight.imaging.limits), before anything is decoded.

import { inputError } from "../errors.ts";

/** A tab has less memory than a workstation's Python: a quarter of its 1 GiB. */
export const MAX_FILE_BYTES = 2 ** 28;
/** One frame of 8192 × 8192: twice the largest mammogram. */
export const MAX_PIXELS = 2 ** 26;
export const MAX_TABLE_BYTES = 2 ** 26;
/** What a deflated DICOM data set may expand to. */
export const MAX_INFLATED_BYTES = 2 ** 29;

export function checkFrameSize(rows: number, columns: number): void {
  if (!(rows >= 1 && columns >= 1)) throw inputError("no-pixels", { rows, columns });
  if (rows * columns > MAX_PIXELS) throw inputError("too-many-pixels", { rows, columns });
}
