// An image as the viewer shows it: values on their physical scale, and how the file wants them shown.

export type Voi =
  | { kind: "window"; center: number; width: number; function: "LINEAR" | "LINEAR_EXACT" | "SIGMOID" }
  | { kind: "range"; low: number; high: number }
  | { kind: "table"; first: number; entries: Float32Array };

/** What a frame's pixels are, wherever in the body they lie. */
export interface FrameValues {
  height: number;
  width: number;
  /** Grey: one value a pixel. Colour: red, green and blue from 0 to 255, a pixel after another. */
  values: Float32Array | Uint8ClampedArray;
  colour: boolean;
  /** Whether the smallest value shows white. */
  inverted: boolean;
  voi: Voi;
  smallest: number;
  largest: number;
  unit: "HU" | "grey";
}

export interface ViewableFrame extends FrameValues {
  /** Of this frame: the frames of one file may lie in different planes. */
  marks: Marks | null;
  laterality: string;
  /** From row to row, from column to column. */
  spacingMm: [number, number] | null;
}

/** What stands at the edges of an image (PS3.3 C.7.6.1.1.1): L R A P H F, or nothing. */
export interface Marks {
  left: string;
  right: string;
  top: string;
  bottom: string;
}

/** Whose image it is. It stays in this browser, sealed; empty where the file does not say. */
export interface Identity {
  patientName: string;
  patientId: string;
  /** ISO 8601. */
  studyDate: string;
  /** Of the series, or else of the study. */
  description: string;
  seriesUid: string;
  seriesNumber: number | null;
  instanceNumber: number | null;
}

export interface ImageSummary {
  format: string;
  detail: string;
  rows: number;
  columns: number;
  frameCount: number;
  defaultFrame: number;
  modality: string;
  /** Of DICOM files; absent in what was kept before. */
  identity?: Identity;
}
