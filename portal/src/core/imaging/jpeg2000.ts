// What a JPEG 2000 codestream announces, read before a decoder makes room for it.
//
// Source: ITU-T T.800 A.5.1 (SIZ), I.4 (boxes).

import { viewOf } from "../bytes.ts";
import { inputError } from "../errors.ts";

const START = 0xff4fff51; // SOC, SIZ
const CODESTREAM_BOX = 0x6a703263; // jp2c

export interface Jpeg2000Header {
  rows: number;
  columns: number;
  components: number;
}

export function readJpeg2000Header(content: Uint8Array): Jpeg2000Header {
  const view = viewOf(content);
  const start = codestreamStart(view);
  if (start + 42 > content.length) throw inputError("cut-short");
  return {
    columns: view.getUint32(start + 8) - view.getUint32(start + 16),
    rows: view.getUint32(start + 12) - view.getUint32(start + 20),
    components: view.getUint16(start + 40),
  };
}

/** Where the codestream begins: at once, or in a box of a JP2 file. */
function codestreamStart(view: DataView): number {
  let offset = 0;
  while (offset + 8 <= view.byteLength) {
    if (view.getUint32(offset) === START) return offset;
    const length = view.getUint32(offset);
    const isLong = length === 1 && offset + 16 <= view.byteLength;
    const head = isLong ? 16 : 8;
    if (view.getUint32(offset + 4) === CODESTREAM_BOX) {
      const start = offset + head;
      if (start + 4 <= view.byteLength && view.getUint32(start) === START) return start;
      break;
    }
    const size = isLong ? Number(view.getBigUint64(offset + 8)) : length;
    if (size < head) break;
    offset += size;
  }
  throw inputError("damaged-image");
}
