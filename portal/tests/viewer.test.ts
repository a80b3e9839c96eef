// What the viewer says of a frame, and what its keys do.

import { expect, test } from "vitest";

import { openImage } from "../src/core/imaging/load.ts";
import { actionOf } from "../src/ui/viewer_keys.ts";
import { Newest } from "../src/ui/newest.ts";
import { dicomFile, type Element } from "./dicom_file.ts";

const plane = (cosines: string, side: string): Element[] => [
  [0x00209071, "SQ", [[[0x00209072, "CS", side]]]],
  [0x00209116, "SQ", [[[0x00200037, "DS", cosines]]]],
];

test("each frame has its own marks, side and spacing", async () => {
  const image = await openImage(
    dicomFile([
      [0x00200020, "CS", "L\\F"], // of no frame in particular
      [0x00200062, "CS", "B"],
      [0x00280008, "IS", "3"],
      [0x00280030, "DS", "2\\1"],
      [0x52009230, "SQ", [
        plane("1\\0\\0\\0\\1\\0", "L"),
        plane("0\\1\\0\\0\\0\\-1", "R"),
        [[0x00209450, "SQ", [[[0x00200020, "CS", "A\\F"]]]]],
      ]],
      [0x7fe00010, "OB", new Uint8Array(12)],
    ]),
  );
  const [axial, coronal, stated] = [await image.frame(0), await image.frame(1), await image.frame(2)];
  expect(axial.marks).toEqual({ right: "L", left: "R", bottom: "P", top: "A" });
  expect(axial.laterality).toBe("L");
  expect(axial.spacingMm).toEqual([2, 1]);
  expect(coronal.marks).toEqual({ right: "P", left: "A", bottom: "F", top: "H" });
  expect(coronal.laterality).toBe("R");
  expect(stated.marks).toEqual({ right: "A", left: "P", bottom: "F", top: "H" });
  expect(stated.laterality).toBe("B");
});

test("the marks of a single image", async () => {
  const image = await openImage(
    dicomFile([
      [0x00200020, "CS", "P\\F"],
      [0x00200037, "DS", "1\\0\\0\\0\\1\\0"],
      [0x7fe00010, "OB", new Uint8Array(4)],
    ]),
  );
  expect((await image.frame(0)).marks).toEqual({ right: "P", left: "A", bottom: "F", top: "H" });
});

const press = (key: string, held: Partial<Parameters<typeof actionOf>[0]> = {}) =>
  actionOf({ key, code: "", ctrlKey: false, altKey: false, metaKey: false, shiftKey: false, ...held });

test("keys, on every layout and with Caps Lock", () => {
  expect(press("i")).toBe("invert");
  expect(press("I")).toBe("invert");
  expect(press("[")).toBe("narrower");
  expect(press("[", { ctrlKey: true, altKey: true })).toBe("narrower"); // AltGr on Windows
  expect(press("{", { altKey: true })).toBe("levelDown"); // a European Mac
  expect(press("w")).toBe("wider");
  expect(press("D")).toBe("darker");
  expect(press("ц", { code: "KeyW" })).toBe("wider");
  expect(press("ArrowLeft", { shiftKey: true })).toBe("moveLeft");
  expect(press("ArrowLeft")).toBe("back");
  // what is the browser's own is left to it
  expect(press("r", { ctrlKey: true })).toBeNull();
  expect(press("+", { metaKey: true })).toBeNull();
  expect(press("d", { altKey: true })).toBeNull();
  expect(press("ArrowLeft", { altKey: true })).toBeNull();
  expect(press("constructor")).toBeNull();
});

test("one request at a time, and then the newest", async () => {
  const done: number[] = [];
  const held: (() => void)[] = [];
  const frames = new Newest<number>(async (frame) => {
    await new Promise<void>((resolve) => held.push(resolve));
    done.push(frame);
  });
  for (const frame of [1, 2, 3, 4]) frames.ask(frame);
  expect(held.length).toBe(1);
  held[0]!();
  await expect.poll(() => held.length).toBe(2);
  held[1]!();
  await expect.poll(() => done).toEqual([1, 4]);
});
