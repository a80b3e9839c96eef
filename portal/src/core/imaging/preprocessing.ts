// What happens to an image or a record between the file and the encryption: steps as data, as the
// signature carries them (docs/preprocessing.md section 2).

import { PortalError, inputError, serviceError } from "../errors.ts";
import { type LoadedImage, type Planes, type ValueScale } from "./image.ts";
import { resizePlane } from "./resampling.ts";

const VERSION = 1;
const MAX_STEPS = 32;
const MAX_SIDE = 4096;
const MAX_FEATURES = 65536;

type Step =
  | { step: "greyscale" | "colour" | "center_crop_square" | "flatten" }
  | { step: "resize"; height: number; width: number }
  | { step: "window"; center_hu: number; width_hu: number }
  | { step: "scale_range"; low: number; high: number }
  | { step: "normalize"; mean: number[]; std: number[] }
  | { step: "standardize"; mean: number[]; scale: number[] };

const PARAMETERS: Readonly<Record<Step["step"], readonly string[]>> = {
  greyscale: [],
  colour: [],
  center_crop_square: [],
  flatten: [],
  resize: ["height", "width"],
  window: ["center_hu", "width_hu"],
  scale_range: ["low", "high"],
  normalize: ["mean", "std"],
  standardize: ["mean", "scale"],
};

export class Preprocessing {
  readonly #steps: readonly Step[];

  private constructor(steps: readonly Step[]) {
    this.#steps = steps;
  }

  /** For a worker's call: objects with methods do not cross its boundary. */
  toJson(): unknown {
    return { version: VERSION, steps: structuredClone(this.#steps) };
  }

  /** The steps that a JSON object describes; refuses anything unknown, missing or out of range. */
  static fromJson(value: any): Preprocessing {
    const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
    if (keys.sort().join() !== "steps,version" || !Array.isArray(value.steps)) throw unknown();
    if (value.version !== VERSION || value.steps.length > MAX_STEPS) throw unknown();
    const steps: Step[] = value.steps.map(readStep);
    const last = steps.length - 1;
    steps.forEach((step, index) => {
      const alone = step.step === "standardize" && steps.length > 1;
      const late = step.step === "window" && index > 0;
      const early = step.step === "flatten" && index < last;
      if (alone || late || early) throw unknown();
    });
    return new Preprocessing(steps);
  }

  get isForRecords(): boolean {
    return this.#steps.some((step) => step.step === "standardize");
  }

  /** Whether the model sees the largest square in the middle of an image, not all of it. */
  get seesSquareOnly(): boolean {
    return this.#steps.some((step) => step.step === "center_crop_square");
  }

  /** The scale on which an image must be loaded for these steps. */
  get valueScale(): ValueScale {
    return this.#steps[0]?.step === "window" ? "hounsfield" : "display";
  }

  /** The model's input from one image: [C · H · W]. */
  applyToImage(image: LoadedImage): Float64Array {
    if (this.isForRecords) throw inputError("record-wanted");
    if (image.valueScale !== this.valueScale) throw inputError("other-scale");
    let planes: Planes = image;
    for (const step of this.#steps) planes = applyStep(step, planes);
    const size = planes.height * planes.width;
    const out = new Float64Array(size * planes.channels.length);
    planes.channels.forEach((plane, channel) => out.set(plane, channel * size));
    return out;
  }

  /** The model's input from one record. */
  applyToRecord(features: Float64Array): Float64Array {
    const step = this.#steps[0];
    if (step === undefined) return features;
    if (step.step !== "standardize") throw inputError("image-wanted");
    const { mean, scale } = step;
    if (features.length !== mean.length) {
      throw inputError("feature-count", { found: features.length, wanted: mean.length });
    }
    return features.map((value, i) => (value - mean[i]!) / scale[i]!);
  }
}

function applyStep(step: Step, planes: Planes): Planes {
  const { height, width, channels } = planes;
  const mapped = (map: (value: number, channel: number) => number): Planes => ({
    height,
    width,
    channels: channels.map((plane, channel) => plane.map((value) => map(value, channel))),
  });
  switch (step.step) {
    case "greyscale": {
      const [red, green, blue] = channels;
      if (green === undefined || blue === undefined) return planes;
      const luma = red!.map((r, i) => 0.299 * r + 0.587 * green[i]! + 0.114 * blue[i]!);
      return { height, width, channels: [luma] };
    }
    case "colour":
      return channels.length === 3
        ? planes
        : { height, width, channels: [channels[0]!, channels[0]!, channels[0]!] };
    case "center_crop_square":
      return centerCrop(planes);
    case "resize": {
      const to = { height: step.height, width: step.width };
      return { ...to, channels: channels.map((plane) => resizePlane(plane, planes, to)) };
    }
    case "window":
      return mapped((x) => clip01((x - step.center_hu) / step.width_hu + 0.5));
    case "scale_range":
      return mapped((x) => step.low + x * (step.high - step.low));
    case "normalize":
      if (channels.length !== step.mean.length) {
        throw inputError("channels", { found: channels.length, wanted: step.mean.length });
      }
      return mapped((x, channel) => (x - step.mean[channel]!) / step.std[channel]!);
    default:
      return planes; // flatten: planes are laid out one after another anyway
  }
}

export function clip01(value: number): number {
  return Math.min(Math.max(value, 0), 1);
}

function centerCrop({ height, width, channels }: Planes): Planes {
  const side = Math.min(height, width);
  const top = Math.floor((height - side) / 2);
  const left = Math.floor((width - side) / 2);
  const cropped = channels.map((plane) => {
    const out = new Float64Array(side * side);
    for (let y = 0; y < side; y++) {
      const start = (top + y) * width + left;
      out.set(plane.subarray(start, start + side), y * side);
    }
    return out;
  });
  return { height: side, width: side, channels: cropped };
}

function readStep(value: any): Step {
  const name = typeof value === "object" && value !== null ? value.step : undefined;
  if (typeof name !== "string" || !Object.hasOwn(PARAMETERS, name)) throw unknown();
  const wanted = ["step", ...PARAMETERS[name as Step["step"]]].sort().join();
  if (Object.keys(value).sort().join() !== wanted) throw unknown();
  const step = value as Step;
  const ok = ((): boolean => {
    switch (step.step) {
      case "resize":
        return [step.height, step.width].every(
          (side) => Number.isInteger(side) && side >= 1 && side <= MAX_SIDE,
        );
      case "window":
        return finite(step.center_hu) && finite(step.width_hu) && step.width_hu > 0;
      case "scale_range":
        return finite(step.low) && finite(step.high) && step.low < step.high;
      case "normalize":
        return [1, 3].includes(step.mean.length) && pairs(step.mean, step.std);
      case "standardize":
        return step.mean.length >= 1 && pairs(step.mean, step.scale);
      default:
        return true;
    }
  })();
  if (!ok) throw unknown();
  return step;
}

function finite(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

function pairs(mean: unknown, spread: unknown): boolean {
  if (!Array.isArray(mean) || !Array.isArray(spread) || mean.length !== spread.length) return false;
  if (mean.length > MAX_FEATURES) return false;
  return mean.every(finite) && spread.every((value) => finite(value) && value > 0);
}

function unknown(): PortalError {
  return serviceError("unknown-preprocessing");
}
