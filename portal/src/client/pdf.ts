// A PDF of A4 pages: text in Helvetica, bars, pictures. Source: ISO 32000-1.

import { ascii, concat, type Bytes } from "../core/bytes.ts";

/** A picture of 8 bits, grey or RGB, a row after another, zlib. */
export interface PdfImage {
  width: number;
  height: number;
  colours: 1 | 3;
  deflated: Uint8Array;
}

const PAGE_HEIGHT = 842; // A4 in points
const PAGE_WIDTH = 595;

/** What is drawn, on the last page; y counts from the top. */
export class Pdf {
  #pages: { parts: string[]; used: Set<number> }[] = [];
  readonly #pictures: Uint8Array[] = [];

  constructor() {
    this.newPage();
  }

  newPage(): void {
    this.#pages.push({ parts: [], used: new Set() });
  }

  text(
    x: number,
    y: number,
    text: string,
    points: number,
    colour: readonly number[],
    bold = false,
  ): void {
    const colours = `${colour.join(" ")} rg`;
    const hex = winAnsi(text);
    const drawn = hex === null ? drawnText(text, points, bold) : null;
    if (drawn === null) {
      const font = bold ? "F2" : "F1";
      const shown = hex ?? winAnsi(escaped(text))!;
      this.#draw(`${colours} BT /${font} ${points} Tf ${x} ${PAGE_HEIGHT - y} Td <${shown}> Tj ET`);
      return;
    }
    const { width, height, bits } = drawn;
    const dictionary =
      `/Type /XObject /Subtype /Image /Width ${width} /Height ${height} ` +
      "/ImageMask true /BitsPerComponent 1 ";
    const name = this.#use(stream(dictionary, bits));
    const size = `${width / SHARPNESS} 0 0 ${height / SHARPNESS}`;
    const base = PAGE_HEIGHT - y - (LINE_HEIGHT - ASCENT) * points;
    this.#draw(`q ${colours} ${size} ${x} ${base} cm /${name} Do Q`);
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
    this.#draw(`0.88 0.88 0.9 rg ${x} ${base} ${width} ${height} re f`);
    this.#draw(`${colour.join(" ")} rg ${x} ${base} ${width * value} ${height} re f`);
    this.#draw(`0 0 0 rg ${x + width * mark - 0.75} ${base - 3} 1.5 ${height + 6} re f`);
  }

  image(image: PdfImage, x: number, y: number, width: number, height: number): void {
    const dictionary =
      `/Type /XObject /Subtype /Image /Width ${image.width} /Height ${image.height} ` +
      `/ColorSpace /Device${image.colours === 1 ? "Gray" : "RGB"} /BitsPerComponent 8 ` +
      "/Filter /FlateDecode ";
    const name = this.#use(stream(dictionary, image.deflated));
    this.#draw(`q ${width} 0 0 ${height} ${x} ${PAGE_HEIGHT - y - height} cm /${name} Do Q`);
  }

  #draw(part: string): void {
    this.#pages.at(-1)!.parts.push(part);
  }

  #use(picture: Uint8Array): string {
    const index = this.#pictures.push(picture) - 1;
    this.#pages.at(-1)!.used.add(index);
    return `X${index}`;
  }

  bytes(): Uint8Array {
    const firstPicture = 5; // after catalogue, pages and two fonts
    const firstPage = firstPicture + this.#pictures.length;
    const kids = this.#pages.map((_, index) => `${firstPage + 2 * index} 0 R`);
    const font = (name: string): Uint8Array =>
      ascii(`<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`);
    return assembled([
      ascii("<< /Type /Catalog /Pages 2 0 R >>"),
      ascii(`<< /Type /Pages /Kids [${kids.join(" ")}] /Count ${kids.length} >>`),
      font("Helvetica"),
      font("Helvetica-Bold"),
      ...this.#pictures,
      ...this.#pages.flatMap(({ parts, used }, index) => {
        const names = [...used].map((one) => `/X${one} ${firstPicture + one} 0 R`);
        return [
          ascii(
            `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${PAGE_WIDTH} ${PAGE_HEIGHT}] ` +
              `/Contents ${firstPage + 2 * index + 1} 0 R /Resources << ` +
              `/Font << /F1 3 0 R /F2 4 0 R >> /XObject << ${names.join(" ")} >> >> >>`,
          ),
          stream("", ascii(parts.join("\n"))),
        ];
      }),
    ]);
  }
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

/** The text for a standard font; null where it has other letters than those fonts. */
function winAnsi(text: string): string | null {
  let hex = "";
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const known = (code >= 0x20 && code < 0x7f) || (code >= 0xa0 && code <= 0xff);
    const byte = known ? code : BEYOND[character];
    if (byte === undefined) return null;
    hex += byte.toString(16).padStart(2, "0");
  }
  return hex;
}

/** Two names must never look alike, so a letter that cannot be drawn is told by its number. */
function escaped(text: string): string {
  return Array.from(text, (one) =>
    winAnsi(one) === null ? `\\u{${one.codePointAt(0)!.toString(16)}}` : one,
  ).join("");
}

const SHARPNESS = 4; // dots a point: 288 to the inch
const ASCENT = 1.05;
const LINE_HEIGHT = 1.45;

/** A line in the browser's own fonts, which have all letters: a stencil of one bit a dot, 0 for ink. */
function drawnText(
  text: string,
  points: number,
  bold: boolean,
): { width: number; height: number; bits: Bytes } | null {
  if (!("OffscreenCanvas" in globalThis)) return null;
  const font = `${bold ? "bold " : ""}${points * SHARPNESS}px sans-serif`;
  const ruler = new OffscreenCanvas(1, 1).getContext("2d")!;
  ruler.font = font;
  const width = Math.min(Math.ceil(ruler.measureText(text).width) + 2, PAGE_WIDTH * SHARPNESS);
  const height = Math.ceil(LINE_HEIGHT * points * SHARPNESS);
  const context = new OffscreenCanvas(width, height).getContext("2d")!;
  context.font = font;
  context.fillText(text, 0, ASCENT * points * SHARPNESS);
  const { data } = context.getImageData(0, 0, width, height);
  const rowBytes = Math.ceil(width / 8);
  const bits = new Uint8Array(rowBytes * height).fill(255);
  for (let i = 0; i < width * height; i++) {
    if (data[4 * i + 3]! < 128) continue;
    const [row, column] = [Math.floor(i / width), i % width];
    bits[row * rowBytes + (column >> 3)]! &= ~(128 >> (column & 7));
  }
  return { width, height, bits };
}
