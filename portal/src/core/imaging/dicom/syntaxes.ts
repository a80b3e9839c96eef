// The transfer syntaxes that the portal reads (PS3.6 table A-1), by how their frames are decoded.

export const IMPLICIT_LITTLE = "1.2.840.10008.1.2";
export const EXPLICIT_LITTLE = "1.2.840.10008.1.2.1";
export const DEFLATED_LITTLE = "1.2.840.10008.1.2.1.99";
export const EXPLICIT_BIG = "1.2.840.10008.1.2.2";

export type Coding = "native" | "rle" | "jpeg" | "jpeg-lossless" | "jpeg-ls" | "jpeg-2000";

const CODINGS: Readonly<Record<string, Coding>> = {
  [IMPLICIT_LITTLE]: "native",
  [EXPLICIT_LITTLE]: "native",
  [DEFLATED_LITTLE]: "native",
  [EXPLICIT_BIG]: "native",
  "1.2.840.10008.1.2.4.50": "jpeg",
  "1.2.840.10008.1.2.4.51": "jpeg", // 8 bits; 12 are refused
  "1.2.840.10008.1.2.4.57": "jpeg-lossless",
  "1.2.840.10008.1.2.4.70": "jpeg-lossless",
  "1.2.840.10008.1.2.4.80": "jpeg-ls",
  "1.2.840.10008.1.2.4.81": "jpeg-ls",
  "1.2.840.10008.1.2.4.90": "jpeg-2000",
  "1.2.840.10008.1.2.4.91": "jpeg-2000",
  "1.2.840.10008.1.2.4.201": "jpeg-2000", // high-throughput JPEG 2000
  "1.2.840.10008.1.2.4.202": "jpeg-2000",
  "1.2.840.10008.1.2.4.203": "jpeg-2000",
  "1.2.840.10008.1.2.5": "rle",
};

const NAMES: Readonly<Record<Coding, string>> = {
  native: "uncompressed",
  rle: "RLE",
  jpeg: "JPEG",
  "jpeg-lossless": "JPEG lossless",
  "jpeg-ls": "JPEG-LS",
  "jpeg-2000": "JPEG 2000",
};

export const codingOf = (syntax: string): Coding | undefined =>
  Object.hasOwn(CODINGS, syntax) ? CODINGS[syntax] : undefined;

export const codingName = (coding: Coding): string => NAMES[coding];
