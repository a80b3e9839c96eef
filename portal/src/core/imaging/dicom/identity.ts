// Whose image it is, and of which study and series: for the worklist of this browser, where it lies sealed.
//
// Security: nothing of it is sent, logged, or written into a report.

import { type Identity } from "../viewable.ts";
import { type DataSet } from "./data_set.ts";

const MOST_CHARACTERS = 64;
/** Defined terms of Specific Character Set (PS3.3 C.12.1.1.2) → the names of the Encoding Standard. */
const ENCODINGS: Readonly<Record<string, string>> = {
  "": "utf-8", // the default repertoire is ASCII; what goes beyond it is mostly this
  "ISO_IR 192": "utf-8",
  "ISO_IR 100": "iso-8859-1",
  "ISO_IR 101": "iso-8859-2",
  "ISO_IR 109": "iso-8859-3",
  "ISO_IR 110": "iso-8859-4",
  "ISO_IR 144": "iso-8859-5",
  "ISO_IR 127": "iso-8859-6",
  "ISO_IR 126": "iso-8859-7",
  "ISO_IR 138": "iso-8859-8",
  "ISO_IR 148": "iso-8859-9",
  "ISO_IR 203": "iso-8859-15",
  "ISO_IR 166": "windows-874",
  "ISO_IR 13": "shift_jis",
  "ISO_IR 87": "iso-2022-jp",
  "ISO_IR 149": "euc-kr",
  "ISO_IR 58": "gbk",
  GB18030: "gb18030",
  GBK: "gbk",
};

export function identityOf(dataSet: DataSet): Identity {
  // of several sets with escapes between them the one that is not ASCII counts
  const sets = dataSet.texts("x00080005").map((one) => one.replace(/^ISO 2022 IR /, "ISO_IR "));
  const decoder = new TextDecoder(ENCODINGS[sets.findLast((one) => one !== "") ?? ""] ?? "utf-8");
  const text = (tag: string): string => {
    const bytes = dataSet.valueBytes(tag);
    if (bytes === null) return "";
    const whole = decoder.decode(bytes.subarray(0, 4 * MOST_CHARACTERS)).split("\\")[0]!;
    // control characters, and marks that turn the direction of what follows
    const clean = whole.replace(/[\p{Cc}\p{Cf}\ufffd]/gu, " ").replace(/\s+/g, " ").trim();
    return [...clean].slice(0, MOST_CHARACTERS).join("");
  };
  const uid = (tag: string): string => {
    const value = dataSet.texts(tag)[0] ?? "";
    return /^[0-9.]{1,64}$/.test(value) ? value : "";
  };
  const number = (tag: string): number | null => {
    const value = dataSet.texts(tag)[0] ?? "";
    return /^[+-]?\d{1,12}$/.test(value) ? Number(value) : null;
  };
  const date = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(dataSet.texts("x00080020")[0] ?? "");
  return {
    patientName: nameOf(text("x00100010")),
    patientId: text("x00100020"),
    studyDate: date === null ? "" : `${date[1]}-${date[2]}-${date[3]}`,
    description: text("x0008103e") || text("x00081030"),
    seriesUid: uid("x0020000e"),
    seriesNumber: number("x00200011"),
    instanceNumber: number("x00200013"),
  };
}

/** `Family^Given^Middle=…` as it is read: the first group that says something. */
function nameOf(value: string): string {
  const group = value.split("=").find((one) => /[^\^\s]/.test(one)) ?? "";
  const [family, ...rest] = group.split("^").map((part) => part.trim());
  return [family, rest.filter((part) => part !== "").join(" ")].filter((part) => part).join(", ");
}
