// One page of PDF: text in Helvetica, a bar, a picture. Source: ISO 32000-1.

import { ascii, concat } from "../core/bytes.ts";

export interface PdfImage {
  width: number;
  height: number;
  /** 24-bit RGB, zlib. */
  deflated: Uint8Array;
}

const PAGE_HEIGHT = 842; // A4 in points
const PAGE_WIDTH = 595;

/** What is drawn on the page; y counts from the top. */
export class PdfPage {
  readonly #parts: string[] = [];

  text(
    x: number,
    y: number,
    text: string,
    points: number,
    colour: readonly number[],
    bold = false,
  ): void {
    const font = bold ? "F2" : "F1";
    this.#parts.push(
      `${colour.join(" ")} rg BT /${font} ${points} Tf ${x} ${PAGE_HEIGHT - y} Td <${winAnsi(text)}> Tj ET`,
    );
  }

  /** A bar from 0 to 1 with a mark. */
  bar(
    x: number,
    y: number,
    width: number,
    height: number,
    value: number,
    mark: number,
    colour: readonly number[],
  ): void {
    const base = PAGE_HEIGHT - y - height;
    this.#parts.push(`0.88 0.88 0.9 rg ${x} ${base} ${width} ${height} re f`);
    this.#parts.push(`${colour.join(" ")} rg ${x} ${base} ${width * value} ${height} re f`);
    this.#parts.push(`0 0 0 rg ${x + width * mark - 0.75} ${base - 3} 1.5 ${height + 6} re f`);
  }

  image(x: number, y: number, width: number, height: number): void {
    this.#parts.push(`q ${width} 0 0 ${height} ${x} ${PAGE_HEIGHT - y - height} cm /Picture Do Q`);
  }

  get content(): Uint8Array {
    return ascii(this.#parts.join("\n"));
  }
}

export function pdfDocument(page: PdfPage, image: PdfImage | null): Uint8Array {
  const { content } = page;
  const resources = image === null ? "" : " /XObject << /Picture 7 0 R >>";
  const font = (name: string): Uint8Array =>
    ascii(`<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`);
  const objects: Uint8Array[] = [
    ascii("<< /Type /Catalog /Pages 2 0 R >>"),
    ascii("<< /Type /Pages /Kids [3 0 R] /Count 1 >>"),
    ascii(
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${PAGE_WIDTH} ${PAGE_HEIGHT}] /Contents 4 0 R ` +
        `/Resources << /Font << /F1 5 0 R /F2 6 0 R >>${resources} >> >>`,
    ),
    stream("", content),
    font("Helvetica"),
    font("Helvetica-Bold"),
  ];
  if (image !== null) {
    const dictionary =
      `/Type /XObject /Subtype /Image /Width ${image.width} /Height ${image.height} ` +
      "/ColorSpace /DeviceRGB /BitsPerComponent 8 /Filter /FlateDecode ";
    objects.push(stream(dictionary, image.deflated));
  }
  return assembled(objects);
}

function stream(dictionary: string, data: Uint8Array): Uint8Array {
  return concat(
    ascii(`<< ${dictionary}/Length ${data.length} >>\nstream\n`),
    data,
    ascii("\nendstream"),
  );
}

function assembled(objects: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [ascii("%PDF-1.4\n")];
  const offsets: number[] = [];
  let size = parts[0]!.length;
  objects.forEach((object, index) => {
    const whole = concat(ascii(`${index + 1} 0 obj\n`), object, ascii("\nendobj\n"));
    offsets.push(size);
    size += whole.length;
    parts.push(whole);
  });
  const entries = offsets.map((offset) => `${String(offset).padStart(10, "0")} 00000 n \n`);
  const count = objects.length + 1;
  parts.push(
    ascii(
      `xref\n0 ${count}\n0000000000 65535 f \n${entries.join("")}` +
        `trailer\n<< /Size ${count} /Root 1 0 R >>\nstartxref\n${size}\n%%EOF\n`,
    ),
  );
  return concat(...parts);
}

// what our texts use beyond Latin-1 (WinAnsi, ISO 32000-1 annex D)
const BEYOND: Readonly<Record<string, number>> = { "’": 0x92, "“": 0x93, "”": 0x94, "…": 0x85, "–": 0x96, "—": 0x97 };

function winAnsi(text: string): string {
  let hex = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const known = code < 0x80 || (code >= 0xa0 && code <= 0xff);
    const byte = known ? code : (BEYOND[character] ?? 0x3f);
    hex += byte.toString(16).padStart(2, "0");
  }
  return hex;
}
