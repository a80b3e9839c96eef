// The imaging worker: files to pixels, apart from the page, which stays quick, and from the keys.

import jpegIntegrity from "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm?integrity";
import jpegWasm from "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasm?url";
import jpegLsIntegrity from "@cornerstonejs/codec-charls/decodewasm?integrity";
import jpegLsWasm from "@cornerstonejs/codec-charls/decodewasm?url";
import jpeg2000Integrity from "@cornerstonejs/codec-openjpeg/decodewasm?integrity";
import jpeg2000Wasm from "@cornerstonejs/codec-openjpeg/decodewasm?url";

import { inputError } from "../core/errors.ts";
import { setWasmSource } from "../core/imaging/codecs.ts";
import { openImage } from "../core/imaging/load.ts";
import { MAX_TABLE_BYTES } from "../core/imaging/limits.ts";
import { OpenImages } from "../core/imaging/open_images.ts";
import { Preprocessing } from "../core/imaging/preprocessing.ts";
import { readRecords, readTable } from "../core/imaging/records.ts";
import { sniff } from "../core/imaging/file_format.ts";
import { type ImageSummary, type ViewableFrame } from "../core/imaging/viewable.ts";
import { serve } from "./rpc.ts";
import { fetchWasm } from "./wasm.ts";

const WASM = {
  jpeg: [jpegWasm, jpegIntegrity],
  "jpeg-ls": [jpegLsWasm, jpegLsIntegrity],
  "jpeg-2000": [jpeg2000Wasm, jpeg2000Integrity],
} as const;
setWasmSource((codec) => fetchWasm(...WASM[codec]));

const images = new OpenImages(openImage);

const methods = {
  /** Whether a file is an image or a table, and what there is to know of an image. */
  async inspect(
    id: string,
    content: Uint8Array,
  ): Promise<{ kind: "image"; summary: ImageSummary } | { kind: "records" }> {
    if (sniff(content) === "table") {
      if (content.length > MAX_TABLE_BYTES) throw inputError("table-too-large");
      return { kind: "records" };
    }
    return { kind: "image", summary: (await images.get(id, content)).summary };
  },

  async frame(id: string, content: Uint8Array | null, index: number): Promise<ViewableFrame> {
    return (await images.get(id, content)).frame(index);
  },

  /** A model's input from one frame. */
  async modelInput(
    id: string,
    content: Uint8Array | null,
    index: number,
    preprocessing: unknown,
  ): Promise<Float64Array> {
    const steps = Preprocessing.fromJson(preprocessing);
    const image = await images.get(id, content);
    return steps.applyToImage(await image.pixels(index, steps.valueScale));
  },

  /** Model inputs from a table, and the features as they stand in it. */
  async recordInputs(
    content: Uint8Array,
    names: string[],
    count: number,
    preprocessing: unknown,
  ): Promise<{ features: Float64Array[]; inputs: Float64Array[] }> {
    const steps = Preprocessing.fromJson(preprocessing);
    const features = readRecords(content, count, names);
    return { features, inputs: features.map((record) => steps.applyToRecord(record)) };
  },

  /** A table as it stands, where no model is known that says what its columns are. */
  table(content: Uint8Array, mostRows: number): { names: string[]; rows: string[][] } {
    const { names, rows } = readTable(content);
    return { names, rows: rows.slice(0, mostRows).map((row) => row.map(String)) };
  },

  close(id: string): void {
    images.close(id);
  },
};

export type ImagingMethods = typeof methods;

serve(methods);
