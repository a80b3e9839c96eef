// What the viewer says of a frame, and what its keys do.

import { expect, test } from "vitest";

import { type ViewableFrame } from "../src/core/imaging/viewable.ts";
import { openImage } from "../src/core/imaging/load.ts";
import { actionOf } from "../src/ui/viewer_keys.ts";
import { Newest } from "../src/ui/newest.ts";
import { paint, type Greys } from "../src/ui/rendering.ts";
import { halved, Levels, visiblePart, type Level } from "../src/ui/visible_part.ts";
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

const grid = (width: number, height: number): Level => ({
  width,
  height,
  values: Float32Array.from({ length: width * height }, (_, i) => i),
  colour: false,
});
const blank = (width: number, height: number) => ({
  width,
  data: new Uint8ClampedArray(4 * width * height),
});

test("a part is painted as in the whole", () => {
  const frame = grid(7, 5);
  const window = { center: 17, width: 30, table: null, inverted: true } as const;
  const table = { first: 3, entries: Float32Array.from({ length: 20 }, (_, i) => i / 20) };
  const colour: Level = { ...frame, values: new Uint8ClampedArray(105).map((_, i) => 2 * i), colour: true };
  const cases: [Level, Greys][] = [
    [frame, { ...window, function: "LINEAR" }],
    [frame, { ...window, function: "SIGMOID" }],
    [frame, { ...window, function: "LINEAR_EXACT", table }],
    [colour, { ...window, function: "LINEAR" }],
  ];
  for (const [level, greys] of cases) {
    const [whole, part] = [blank(7, 5), blank(4, 3)];
    paint(level, greys, whole);
    paint(level, greys, part, { x: 2, y: 1, width: 3, height: 2 });
    for (const [x, y] of [[0, 0], [2, 0], [1, 1], [2, 1]] as const) {
      const [here, there] = [4 * (4 * y + x), 4 * (7 * (y + 1) + x + 2)];
      expect([...part.data.slice(here, here + 4)]).toEqual([...whole.data.slice(there, there + 4)]);
    }
    expect([...part.data.slice(12, 16)]).toEqual([0, 0, 0, 0]);
  }
});

test("zoomed out, fewer values are painted", () => {
  const frame = grid(9, 6);
  expect([...halved(frame).values.slice(0, 4)]).toEqual([5, 7, 9, 11]);
  const levels = new Levels();
  const sizeAt = (zoom: number) => {
    const { level, step } = levels.at(frame, zoom);
    return [level.width, level.height, step];
  };
  expect([1, 0.51, 0.5, 0.25, 0.001].map(sizeAt)).toEqual([
    [9, 6, 1], [9, 6, 1], [4, 3, 2], [2, 1, 4], [2, 1, 4],
  ]);
  expect(levels.at(frame, 0.5).level).toBe(levels.at(frame, 0.4).level);
});

test("what lies on the canvas", () => {
  const frame = { ...grid(1000, 800), spacingMm: null } as unknown as ViewableFrame;
  const canvas = { width: 100, height: 100 };
  const whole = { level: frame, step: 1 };
  const at = { zoom: 2, x: 0, y: 0 };
  expect(visiblePart(canvas, frame, whole, at)).toEqual({ x: 474, y: 374, width: 52, height: 52 });
  expect(visiblePart(canvas, frame, whole, { ...at, x: 2000 })).toBeNull();
  expect(visiblePart(canvas, frame, whole, { ...at, x: 1000, y: 800 })).toEqual({
    x: 0, y: 0, width: 26, height: 26,
  });
  const out = { zoom: 0.1, x: 0, y: 0 };
  const half = { level: halved(frame), step: 2 };
  expect(visiblePart(canvas, frame, half, out)).toEqual({ x: 0, y: 0, width: 500, height: 400 });
  // pixels twice as wide as high
  const wide = { ...frame, spacingMm: [1, 2] } as ViewableFrame;
  expect(visiblePart(canvas, wide, whole, at)).toEqual({ x: 486, y: 374, width: 28, height: 52 });
});
