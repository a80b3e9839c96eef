// Reports of one analysis, made in the tab: JSON for machines, PDF for people.

import { type ImageSummary } from "../core/imaging/viewable.ts";
import { isPositive, kindOfRun, leading } from "../core/model/finding.ts";
import { decimals, duration, fill, size, texts } from "../texts.ts";
import { Pdf, type PdfImage } from "./pdf.ts";
import { type Run, type Study } from "./studies.ts";

const INK = [0.1, 0.1, 0.12] as const;
const QUIET = [0.4, 0.4, 0.45] as const;
const ACCENT = [0.75, 0.25, 0.12] as const;
const MOST_CLASSES = 40;
const MOST_RECORDS = 500;
const TOP = 60;
const BOTTOM = 790;

/** What a report says of the image: never whose it is; who hands it on decides that. */
function unnamed({ summary }: Study): Omit<ImageSummary, "identity"> {
  const { identity: _, ...image } = summary!;
  return image;
}

export function reportJson(study: Study, run: Run): string {
  const document = {
    format: "safelight-report-1",
    notice: texts.notDevice,
    study: { name: study.name, kind: study.kind, added: study.addedAt },
    ...(study.kind === "image" ? { image: unnamed(study), frame: run.frame } : {}),
    model: { name: run.model, version: run.version, title: run.title },
    analysed: run.startedAt,
    kind: kindOfRun(run),
    findings: run.findings,
    level: run.receipts[0]?.level,
    timings_ms: run.timingsMs,
    request_bytes: run.requestBytes,
    receipts: run.receipts,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/** What is on the screen, and which frame of the study it is. */
export interface ReportPicture {
  image: ImageData;
  frame: number;
}

/**
 * Args: `shown` is the picture on the screen. One of another frame than the analysed one is left out,
 * and the report says so: a finding must not stand beside a picture that it is not of.
 */
export async function reportPdf(
  study: Study,
  run: Run,
  shown: ReportPicture | null,
): Promise<Uint8Array> {
  const page = new Pdf();
  const left = 56;
  let y = TOP;
  const footer = (): void => page.text(left, 812, texts.report.footer, 8, QUIET);
  /** Goes to a new page where what follows has no room on this one. */
  const room = (height: number): void => {
    if (y + height <= BOTTOM) return;
    footer();
    page.newPage();
    y = TOP;
  };
  const line = (text: string, points = 10, colour: readonly number[] = INK, bold = false): void => {
    for (const part of wrap(text, Math.floor(850 / points))) {
      room(1.55 * points);
      y += points * 0.55;
      page.text(left, y, part, points, colour, bold);
      y += points;
    }
  };
  line(texts.report.title, 20, INK, true);
  line(fill(texts.report.made, { time: minuteOf(new Date()) }), 9, QUIET);
  line(texts.notDevice, 11, ACCENT, true);
  y += 6;
  const fact = (label: string, value: string): void => {
    room(14);
    page.text(left, y, label, 9, QUIET);
    for (const part of wrap(value, 78)) {
      room(14);
      page.text(left + 110, y, part, 9, INK);
      y += 14;
    }
  };
  fact(texts.report.study, study.name);
  fact(texts.result.model, `${run.title} (${run.model}, ${fill(texts.result.version, { version: run.version })})`);
  y += 10;
  if (study.summary !== null && study.summary.frameCount > 1) {
    const { frameCount } = study.summary;
    fact(texts.nav.image, fill(texts.viewer.frameOf, { index: run.frame + 1, count: frameCount }));
  }
  const receipt = run.receipts[0]!;
  const kind = kindOfRun(run);
  for (const [index, finding] of run.findings.slice(0, MOST_RECORDS).entries()) {
    const prefix = run.findings.length > 1 ? `${index + 1}: ` : "";
    const positive = isPositive(finding, kind) === true;
    const small = run.findings.length > 1;
    room(small ? 32 : 90);
    line(prefix + finding.finding, small ? 11 : 26, positive ? ACCENT : INK, true);
    const { name, probability } = leading(finding, kind);
    const point = fill(texts.result.point, { value: decimals(finding.threshold) });
    if (kind !== "binary" && !small) {
      const classes = Object.entries(finding.probabilities);
      for (const [one, value] of classes.slice(0, MOST_CLASSES)) line(`${value.toFixed(3)}  ${one}`, 9);
      if (classes.length > MOST_CLASSES) line(`… ${classes.length}`, 9, QUIET);
      if (kind === "multilabel") line(point, 9, QUIET);
      continue;
    }
    const told = `${fill(texts.result.probability, { name })} ${probability.toFixed(3)}`;
    line(kind === "multiclass" ? told : `${told}; ${point}`, small ? 9 : 11);
    if (!small) {
      page.bar(left, y - 4, 300, 10, finding.probability, finding.threshold, positive ? ACCENT : QUIET);
      y += 22;
    }
  }
  if (run.findings.length > MOST_RECORDS) line(`… ${run.findings.length}`, 9, QUIET);
  y += 4;
  if (shown !== null && shown.frame !== run.frame) {
    const frames = { analysed: run.frame + 1, shown: shown.frame + 1 };
    room(18);
    page.text(left, y, fill(texts.report.otherFrame, frames), 8, QUIET);
    y += 18;
  } else if (shown !== null) {
    const { image } = shown;
    const height = 220;
    const width = Math.min((image.width / image.height) * height, 300);
    room((width / image.width) * image.height + 30);
    page.image(await pictureOf(image), left, y, width, (width / image.width) * image.height);
    y += (width / image.width) * image.height + 12;
    page.text(left, y, texts.report.image, 8, QUIET);
    y += 18;
  }
  fact(texts.result.protection, `${receipt.level}. ${texts.protection.long}`);
  fact(texts.result.parameters, `CKKS, ${fill(texts.keys.ring, { n: run.n, bits: Math.round(run.log2Qp) })}`);
  fact(texts.result.sent, fill(texts.result.sentValue, { size: size(run.requestBytes) }));
  const timings = Object.entries(texts.result.timing)
    .filter(([phase]) => run.timingsMs[phase] !== undefined)
    .map(([phase, label]) => `${label} ${duration(run.timingsMs[phase]!)}`);
  fact(texts.result.timings, timings.join(", "));
  y += 4;
  room(14 + 10.5 * Object.keys(texts.result.statement).length);
  page.text(left, y, `${texts.result.receipt}: ${texts.result.verified}`, 9, INK, true);
  y += 14;
  for (const [field, label] of Object.entries(texts.result.statement)) {
    const time = new Date(1000 * receipt.serviceTime).toISOString();
    const value = field === "serviceTime" ? time : String(receipt[field as keyof typeof receipt]);
    page.text(left, y, label, 7.5, QUIET);
    page.text(left + 110, y, value, 7.5, INK);
    y += 10.5;
  }
  if (run.receipts.length > 1) line(fill(texts.report.moreReceipts, { count: run.receipts.length }), 8, QUIET);
  footer();
  return page.bytes();
}

/** ISO 8601: 03/04 is another day elsewhere. */
function minuteOf(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

async function pictureOf({ width, height, data }: ImageData): Promise<PdfImage> {
  let isGrey = true;
  for (let i = 0; isGrey && i < data.length; i += 4) {
    isGrey = data[i] === data[i + 1] && data[i] === data[i + 2];
  }
  const colours = isGrey ? 1 : 3;
  const samples = new Uint8Array(width * height * colours);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < colours; c++) samples[colours * i + c] = data[4 * i + c]!;
  }
  const stream = new Blob([samples]).stream().pipeThrough(new CompressionStream("deflate"));
  const deflated = new Uint8Array(await new Response(stream).arrayBuffer());
  return { width, height, colours, deflated };
}

function wrap(text: string, most: number): string[] {
  const lines: string[] = [];
  let line = "";
  // a long name without spaces is cut, not drawn beyond the page
  const words = text.split(" ").flatMap((word) => word.match(new RegExp(`.{1,${most}}`, "gu")) ?? []);
  for (const word of words) {
    if (line !== "" && line.length + 1 + word.length > most) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
