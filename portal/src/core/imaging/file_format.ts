// Which format a file has, told by its first bytes and never by its name.

import { viewOf } from "../bytes.ts";
import { inputError } from "../errors.ts";

export type FileFormat = "DICOM" | "PNG" | "JPEG" | "table";

const EXPLICIT_VRS = new Set("AE AS AT CS DA DS DT IS LO LT PN SH ST TM UI UL UN US".split(" "));

export function sniff(content: Uint8Array): FileFormat {
  if (content.length === 0) throw inputError("file-empty");
  const starts = (...bytes: number[]): boolean => bytes.every((byte, i) => content[i] === byte);
  // DICOM first: its 128-byte preamble may hold another format's signature (PS3.10 7.1)
  if (String.fromCharCode(...content.subarray(128, 132)) === "DICM") return "DICOM";
  if (starts(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return "PNG";
  if (starts(0xff, 0xd8, 0xff)) return "JPEG";
  const other =
    starts(0x49, 0x49, 0x2a, 0x00) || starts(0x4d, 0x4d, 0x00, 0x2a) || starts(0x1f, 0x8b, 0x08);
  const nifti = starts(0x5c, 0x01, 0, 0) || starts(0, 0, 0x01, 0x5c) || starts(0x1c, 0x02, 0, 0);
  if (other || nifti) throw inputError("format-elsewhere");
  // a PDF may begin like text
  if (starts(0x25, 0x50, 0x44, 0x46)) throw inputError("unknown-format");
  if (looksLikeBareDicom(content)) return "DICOM";
  if (looksLikeText(content)) return "table";
  throw inputError("unknown-format");
}

function looksLikeBareDicom(content: Uint8Array): boolean {
  if (content.length < 8) return false;
  const view = viewOf(content);
  const vr = String.fromCharCode(content[4]!, content[5]!);
  return [true, false].some((little) => {
    const group = view.getUint16(0, little);
    const element = view.getUint16(2, little);
    if ((group !== 2 && group !== 8) || element > 0x100) return false;
    return EXPLICIT_VRS.has(vr) || view.getUint32(4, little) <= 0x1000;
  });
}

function looksLikeText(content: Uint8Array): boolean {
  const head = content.subarray(0, 4096);
  return !head.some((byte) => byte < 9 || (byte > 13 && byte < 32));
}
