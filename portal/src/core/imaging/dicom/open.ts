import { inputError } from "../../errors.ts";
import { type OpenedImage } from "../opened_image.ts";

export async function openDicom(_content: Uint8Array): Promise<OpenedImage> {
  throw inputError("unknown-format");
}
