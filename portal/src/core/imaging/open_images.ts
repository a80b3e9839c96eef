// The images that are open, by id: as many of the latest as fit into the memory for them.

import { inputError } from "../errors.ts";
import { MAX_OPEN_BYTES } from "./limits.ts";
import { type OpenedImage } from "./opened_image.ts";

export class OpenImages {
  readonly #open: (content: Uint8Array) => Promise<OpenedImage>;
  readonly #opened = new Map<string, OpenedImage>();

  constructor(open: (content: Uint8Array) => Promise<OpenedImage>) {
    this.#open = open;
  }

  /**
   * An image, opened if it is not. The newest always stays, however large it is.
   *
   * Raises: input/not-open where it is not open and there is no content to open.
   */
  async get(id: string, content: Uint8Array | null): Promise<OpenedImage> {
    let image = this.#opened.get(id);
    if (image === undefined) {
      if (content === null) throw inputError("not-open");
      image = await this.#open(content);
    }
    this.#opened.delete(id);
    this.#opened.set(id, image); // newest last
    let bytes = 0;
    for (const [other, { heldBytes }] of [...this.#opened].reverse()) {
      bytes += heldBytes;
      if (bytes > MAX_OPEN_BYTES && other !== id) this.#opened.delete(other);
    }
    return image;
  }

  close(id: string): void {
    this.#opened.delete(id);
  }
}
