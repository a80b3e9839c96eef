// A frame on its way to the canvas: the part that is visible, painted at most once a screen refresh and
// into buffers that are used again. A radiograph has ten times as many pixels as the canvas.

import { type ViewableFrame } from "../core/imaging/viewable.ts";
import { draw, paint, type Greys, type Overlay, type Painted, type Placement } from "./rendering.ts";
import { Levels, visiblePart } from "./visible_part.ts";

export interface Scene {
  frame: ViewableFrame;
  greys: Greys;
  at: Placement;
  overlay: Overlay | null;
}

export class Picture {
  readonly #levels = new Levels();
  #scene: Scene | null = null;
  #request = 0;
  #data: ImageData | null = null;
  #buffer: OffscreenCanvas | null = null;

  /** Shows a scene at the next refresh; of several only the last. Without one the canvas is black. */
  show(canvas: HTMLCanvasElement, scene: Scene | null): void {
    this.#scene = scene;
    if (this.#request !== 0) return;
    this.#request = requestAnimationFrame(() => {
      this.#request = 0;
      const now = this.#scene;
      draw(canvas, now && { ...now, painted: this.#painted(canvas, now) });
    });
  }

  #painted(canvas: HTMLCanvasElement, { frame, greys, at }: Scene): Painted | null {
    const found = this.#levels.at(frame, at.zoom);
    const part = visiblePart(canvas, frame, found, at);
    if (part === null) return null;
    const { width, height } = part;
    if (this.#buffer === null || this.#buffer.width < width || this.#buffer.height < height) {
      const [most, highest] = [this.#buffer?.width ?? 0, this.#buffer?.height ?? 0];
      this.#buffer = new OffscreenCanvas(Math.max(most, width), Math.max(highest, height));
      this.#data = new ImageData(this.#buffer.width, this.#buffer.height);
    }
    paint(found.level, greys, this.#data!, part);
    this.#buffer.getContext("2d")!.putImageData(this.#data!, 0, 0, 0, 0, width, height);
    return { image: this.#buffer, part, step: found.step };
  }
}
