// A frame on its way to the canvas: painted at most once a screen refresh, into buffers that are used
// again, since one frame of a radiograph takes 30 MB.

import { type ViewableFrame } from "../core/imaging/viewable.ts";
import { draw, paint, type Greys, type Overlay, type Placement } from "./rendering.ts";

export interface Scene {
  frame: ViewableFrame;
  greys: Greys;
  at: Placement;
  overlay: Overlay | null;
}

export class Picture {
  #scene: Scene | null = null;
  #request = 0;
  #data: ImageData | null = null;
  #buffer: OffscreenCanvas | null = null;
  #painted: { frame: ViewableFrame; greys: Greys } | null = null;

  /** Shows a scene at the next refresh; of several only the last. Without one the canvas is black. */
  show(canvas: HTMLCanvasElement, scene: Scene | null): void {
    this.#scene = scene;
    if (this.#request !== 0) return;
    this.#request = requestAnimationFrame(() => {
      this.#request = 0;
      if (this.#scene === null) draw(canvas, null);
      else draw(canvas, { ...this.#scene, image: this.#paintedImage(this.#scene) });
    });
  }

  #paintedImage({ frame, greys }: Scene): OffscreenCanvas {
    const { width, height } = frame;
    if (this.#buffer === null || this.#data?.width !== width || this.#data.height !== height) {
      this.#data = new ImageData(width, height);
      this.#buffer = new OffscreenCanvas(width, height);
      this.#painted = null;
    }
    if (this.#painted?.frame !== frame || this.#painted.greys !== greys) {
      paint(frame, greys, this.#data!);
      this.#buffer.getContext("2d")!.putImageData(this.#data!, 0, 0);
      this.#painted = { frame, greys };
    }
    return this.#buffer;
  }
}
