// A DICOM file, opened: its frames for the viewer and for a model.

import { inputError } from "../../errors.ts";
import { type OpenedImage } from "../opened_image.ts";
import { frameAttributes, lateralityOf, marksOf, spacingMm } from "./attributes.ts";
import { damagedUnless, parseDicomFile } from "./data_set.ts";
import { codestreamsOf } from "./fragments.ts";
import { identityOf } from "./identity.ts";
import { geometryOf, TAGS } from "./geometry.ts";
import { renderPixels, viewableFrame } from "./rendering.ts";
import { frameSamples, type Samples } from "./samples.ts";
import { codingName, codingOf } from "./syntaxes.ts";

export async function openDicom(content: Uint8Array): Promise<OpenedImage> {
  const { dataSet, syntax } = await parseDicomFile(content);
  if (!Object.values(TAGS).some((tag) => dataSet.has(tag))) throw inputError("dicom-no-pixels");
  const coding = codingOf(syntax);
  if (coding === undefined) {
    throw inputError("dicom-syntax", { syntax: /^[0-9.]{1,64}$/.test(syntax) ? syntax : "" });
  }
  const geometry = damagedUnless(() => geometryOf(dataSet));
  const codestreamOf = codestreamsOf(dataSet, geometry.frames);
  // the last frame decoded: a viewer and an analysis mostly ask for the same one
  let kept: { index: number; samples: Samples } | null = null;
  const samplesOf = async (index: number): Promise<Samples> => {
    if (!(index >= 0 && index < geometry.frames)) {
      throw inputError("no-frame", { index, count: geometry.frames });
    }
    if (kept?.index !== index) {
      kept = null; // two are never needed at once
      kept = { index, samples: await frameSamples(dataSet, geometry, coding, codestreamOf, index) };
    }
    return kept.samples;
  };
  const attributesOf = (index: number) =>
    damagedUnless(() => frameAttributes(dataSet, geometry, index));
  const placeOf = (index: number) =>
    damagedUnless(() => ({
      marks: marksOf(dataSet, index),
      laterality: lateralityOf(dataSet, index),
      spacingMm: spacingMm(dataSet, index),
    }));
  const frameBytes = geometry.rows * geometry.columns * geometry.samples * geometry.bitsAllocated / 8;
  return {
    heldBytes: dataSet.bytes.length + frameBytes,
    summary: {
      format: "DICOM",
      detail: codingName(coding),
      rows: geometry.rows,
      columns: geometry.columns,
      frameCount: geometry.frames,
      defaultFrame: Math.floor(geometry.frames / 2),
      modality: dataSet.code("x00080060"),
      identity: damagedUnless(() => identityOf(dataSet)),
    },
    frame: async (index) => ({
      ...viewableFrame(await samplesOf(index), geometry, attributesOf(index)),
      ...placeOf(index),
    }),
    pixels: async (index, valueScale) =>
      renderPixels(await samplesOf(index), geometry, attributesOf(index), valueScale),
  };
}
