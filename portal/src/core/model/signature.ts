// The signature: all that a client must know of a model to use it (safelight.circuit.signature).

import { checkedParameters, maxLevel, slotsOf, type Parameters } from "../ckks/parameters.ts";
import { inputError, serviceError } from "../errors.ts";
import { Preprocessing } from "../imaging/preprocessing.ts";
import { areSound, logitsOf, numbersOf, type Outputs } from "./outputs.ts";

/** `count` slots from `slot` on hold elements from `element` on. */
export interface SlotRun {
  slot: number;
  slotStep: number;
  element: number;
  elementStep: number;
  count: number;
}

export interface Signature {
  model: string;
  version: string;
  title: string;
  inputShape: number[];
  inputNames: string[];
  inputBound: number;
  preprocessing: Preprocessing;
  parameters: Parameters;
  inputScale: number;
  inputLevel: number;
  records: number;
  recordStep: number;
  inputSlots: SlotRun[];
  outputSlots: number[];
  outputScale: number;
  outputs: Outputs;
}

export const inputSize = (signature: Signature): number =>
  signature.inputShape.reduce((product, side) => product * side, 1);

/** Reads and checks what a service sent, which may be a stranger's. */
export async function readSignature(data: unknown): Promise<Signature> {
  let signature: Signature;
  try {
    const fields = data as Record<string, any>;
    signature = {
      model: text(fields.model),
      version: text(fields.version),
      title: text(fields.title),
      inputShape: list(fields.input_shape).map(integer),
      inputNames: list(fields.input_names).map(text),
      inputBound: number(fields.input_bound),
      preprocessing: Preprocessing.fromJson(fields.preprocessing),
      parameters: await checkedParameters(
        integer(fields.parameters.n),
        list(fields.parameters.primes).map(integer),
      ),
      inputScale: number(fields.input_scale),
      inputLevel: integer(fields.input_level),
      records: integer(fields.records),
      recordStep: integer(fields.record_step),
      inputSlots: list(fields.input_slots).map(slotRun),
      outputSlots: list(fields.output_slots).map(integer),
      outputScale: number(fields.output_scale),
      outputs: {
        classes: list(fields.outputs.classes).map(text),
        activation: fields.outputs.activation,
        positive: text(fields.outputs.positive),
        threshold: number(fields.outputs.threshold),
        temperature: number(fields.outputs.temperature),
        mapShape: list(fields.outputs.map_shape ?? []).map(integer),
      },
    };
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw serviceError("bad-signature");
    }
    throw error;
  }
  if (!isSound(signature)) throw serviceError("bad-signature");
  return signature;
}

/** Whether nothing would be written or read outside the slots, and all of it means something. */
function isSound(signature: Signature): boolean {
  const { outputs, records, recordStep, inputShape, inputNames } = signature;
  const slots = slotsOf(signature.parameters);
  const size = inputSize(signature);
  const lastRecord = (records - 1) * recordStep;
  const inSlots = (slot: number): boolean => slot >= 0 && slot < slots - lastRecord;
  const runFits = (run: SlotRun): boolean =>
    run.count > 0 &&
    [0, run.count - 1].every((i) => {
      const element = run.element + run.elementStep * i;
      return inSlots(run.slot + run.slotStep * i) && element >= 0 && element < size;
    });
  return (
    inputShape.length > 0 &&
    inputShape.length <= 3 &&
    inputShape.every((side) => side > 0 && side <= 1 << 16) &&
    (inputNames.length === 0 || inputNames.length === size) &&
    records > 0 &&
    records <= slots &&
    recordStep > 0 &&
    recordStep <= slots &&
    signature.inputLevel >= 0 &&
    signature.inputLevel <= maxLevel(signature.parameters) &&
    [signature.inputScale, signature.outputScale].every((s) => s > 1 && s < 2 ** 100) &&
    signature.inputBound > 0 &&
    signature.inputBound < 2 ** 100 &&
    signature.inputSlots.reduce((sum, run) => sum + run.count, 0) <= slots &&
    signature.inputSlots.every(runFits) &&
    signature.outputSlots.every(inSlots) &&
    areSound(outputs) &&
    signature.outputSlots.length === numbersOf(outputs)
  );
}

/** Refuses an input that the model does not cover. */
export function checkInput(signature: Signature, values: Float64Array): void {
  if (values.length !== inputSize(signature)) {
    throw inputError("wrong-shape", { found: values.length, wanted: inputSize(signature) });
  }
  for (const value of values) {
    if (!Number.isFinite(value)) throw inputError("not-finite");
    if (Math.abs(value) > signature.inputBound) {
      throw inputError("beyond-bound", { bound: signature.inputBound });
    }
  }
}

/** The slots of one ciphertext for up to `records` inputs. */
export function pack(signature: Signature, inputs: readonly Float64Array[]): Float64Array {
  if (inputs.length === 0 || inputs.length > signature.records) {
    throw inputError("wrong-shape", { found: inputs.length, wanted: signature.records });
  }
  const slots = new Float64Array(slotsOf(signature.parameters));
  inputs.forEach((values, record) => {
    checkInput(signature, values);
    for (const run of signature.inputSlots) {
      for (let i = 0; i < run.count; i++) {
        slots[run.slot + run.slotStep * i + record * signature.recordStep] =
          values[run.element + run.elementStep * i]!;
      }
    }
  });
  return slots;
}

/** The numbers of each record in decrypted slots: logits, or shares of class-activation maps. */
export function unpackNumbers(
  signature: Signature,
  slots: Float64Array,
  records: number,
): number[][] {
  return Array.from({ length: records }, (_, record) =>
    signature.outputSlots.map((slot) => slots[slot + record * signature.recordStep]!),
  );
}

/** Logits of each record from decrypted slots; maps are averaged. */
export function unpack(signature: Signature, slots: Float64Array, records: number): number[][] {
  return unpackNumbers(signature, slots, records).map((numbers) =>
    logitsOf(signature.outputs, numbers),
  );
}

function slotRun(value: unknown): SlotRun {
  const [slot, slotStep, element, elementStep, count, ...rest] = list(value).map(integer);
  if (count === undefined || rest.length > 0) throw new TypeError("not a run of slots");
  return { slot: slot!, slotStep: slotStep!, element: element!, elementStep: elementStep!, count };
}

export function integer(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new TypeError("not an integer");
  return value as number;
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) throw new TypeError("not a number");
  return value;
}

/** A service's words go to a screen: no control characters, and not without end. */
export function text(value: unknown): string {
  if (typeof value !== "string" || value.length > 200 || /\p{C}/u.test(value)) {
    throw new TypeError("not a short text");
  }
  return value;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError("not a list");
  return value;
}
