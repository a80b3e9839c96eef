// A frame of a study that the imaging worker may have open, or not any more.

import { type Bytes } from "../core/bytes.ts";
import { PortalError, inputError } from "../core/errors.ts";
import { type ViewableFrame } from "../core/imaging/viewable.ts";
import { type ImagingMethods } from "../workers/imaging.ts";
import { type Remote } from "../workers/rpc.ts";

export async function readFrame(
  imaging: Pick<Remote<ImagingMethods>, "frame">,
  id: string,
  index: number,
  load: () => Promise<Bytes | null>,
): Promise<ViewableFrame> {
  try {
    return await imaging.frame(id, null, index);
  } catch (error) {
    if (!(error instanceof PortalError) || error.code !== "not-open") throw error;
  }
  const content = await load();
  if (content === null) throw inputError("file-gone");
  return imaging.frame(id, content, index);
}
