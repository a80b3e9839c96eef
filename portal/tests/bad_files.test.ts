// Files that are damaged, hostile or too large: refused before they cost anything.

import { deflateSync } from "node:zlib";

import { beforeEach, describe, expect, test, vi } from "vitest";

import { ascii, concat, concatAll, viewOf, type Bytes } from "../src/core/bytes.ts";
import { inputError, PortalError } from "../src/core/errors.ts";
import { setWasmSource } from "../src/core/imaging/codecs.ts";
import { parseDicomFile } from "../src/core/imaging/dicom/data_set.ts";
import { codestreamsOf } from "../src/core/imaging/dicom/fragments.ts";
import { brightnessOf } from "../src/core/imaging/image.ts";
import { MAX_FILE_BYTES, MAX_OPEN_BYTES } from "../src/core/imaging/limits.ts";
import { openImage } from "../src/core/imaging/load.ts";
import { OpenImages } from "../src/core/imaging/open_images.ts";
import { type OpenedImage } from "../src/core/imaging/opened_image.ts";
import { loadPng } from "../src/core/imaging/png.ts";
import { readWhole } from "../src/core/imaging/reading.ts";
import { readFrame } from "../src/client/frames.ts";
import { droppedFiles, MAX_FILES } from "../src/ui/dropped_files.ts";
import { dicomFile, encapsulated } from "./dicom_file.ts";

const u16 = (value: number): Bytes => Uint8Array.of(value >> 8, value & 255);
const u32 = (value: number): Bytes => concat(u16(value >>> 16), u16(value & 0xffff));

// a decoder that is asked for fails with its own code, and so a test sees that it was not asked for
const decoderAsked = vi.fn(async (): Promise<ArrayBuffer> => {
  throw new PortalError("browser", "wasm-failed");
});
beforeEach(() => {
  decoderAsked.mockClear();
  setWasmSource(decoderAsked);
});

describe("PNG", () => {
  const crc = (bytes: Uint8Array): number => {
    let value = 0xffffffff;
    for (const byte of bytes) {
      value ^= byte;
      for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
    }
    return ~value >>> 0;
  };
  const chunk = (type: string, data: Uint8Array): Bytes => {
    const body = concat(ascii(type), data);
    return concat(u32(data.length), body, u32(crc(body)));
  };
  const png = (width: number, height: number, colour: number, data: readonly Uint8Array[]): Bytes =>
    concatAll([
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
      chunk("IHDR", concat(u32(width), u32(height), Uint8Array.of(8, colour, 0, 0, 0))),
      ...data,
      chunk("IEND", new Uint8Array(0)),
    ]);

  test("in a quarter of a million chunks", async () => {
    const none = chunk("IDAT", new Uint8Array(0));
    const pixel = chunk("IDAT", deflateSync(Uint8Array.of(0, 51)));
    const { channels } = brightnessOf(
      await loadPng(png(1, 1, 0, [...Array<Uint8Array>(250_000).fill(none), pixel])),
    );
    expect([...channels[0]!]).toEqual([0.2]);
  });

  test.each([
    [8192, 8192, 0],
    [4097, 4097, 2],
    [4097, 4097, 3],
    [4096, 4096, 6],
  ])("of %i × %i pixels and colour type %i", async (width, height, colour) => {
    const file = png(width, height, colour, [chunk("IDAT", new Uint8Array(8))]);
    await expect(openImage(file)).rejects.toMatchObject({ code: "too-many-pixels" });
  });
});

describe("compressed DICOM", () => {
  const JPEG_LS = "1.2.840.10008.1.2.4.80";
  const JPEG_2000 = "1.2.840.10008.1.2.4.90";
  const end = Uint8Array.of(0xff, 0xd9);
  const comment = concat(Uint8Array.of(0xff, 0xfe, 0, 4), end); // an end before the scan is none
  const jpegLs = (rows: number, columns: number, components = 1): Bytes =>
    concat(
      Uint8Array.of(0xff, 0xd8, 0xff, 0xf7), u16(8 + 3 * components), Uint8Array.of(8),
      u16(rows), u16(columns), Uint8Array.of(components), new Uint8Array(3 * components),
      comment, Uint8Array.of(0xff, 0xda, 0, 8, 1, 1, 0, 0, 0, 0, 1, 2, 3),
    );
  const jpeg2000 = (rows: number, columns: number, components = 1): Bytes =>
    concat(
      u32(0xff4fff51), u16(38 + 3 * components), u16(0), u32(columns + 3), u32(rows + 5), u32(3), u32(5),
      u32(columns), u32(rows), u32(0), u32(0), u16(components), new Uint8Array(60),
    );
  const jp2 = (codestream: Uint8Array): Bytes => {
    const decoy = jpeg2000(2, 2); // in a box before the one that counts
    return concat(
      u32(12), ascii("jP  "), u32(0x0d0a870a), u32(8 + decoy.length), ascii("uuid"), decoy,
      u32(0), ascii("jp2c"), codestream,
    );
  };
  const file = (codestream: Uint8Array, syntax: string): Bytes =>
    concat(dicomFile([], syntax), encapsulated(codestream));

  test.each([
    ["another size, JPEG-LS", jpegLs(30000, 30000), JPEG_LS, "input/dicom-frame-size"],
    ["more components, JPEG-LS", jpegLs(2, 2, 255), JPEG_LS, "input/dicom-damaged"],
    ["no end, JPEG-LS", jpegLs(2, 2), JPEG_LS, "input/cut-short"],
    ["another size, JPEG 2000", jpeg2000(20000, 20000), JPEG_2000, "input/dicom-frame-size"],
    ["more components, JPEG 2000", jpeg2000(2, 2, 16384), JPEG_2000, "input/dicom-damaged"],
    ["another size, JP2", jp2(jpeg2000(20000, 20000)), JPEG_2000, "input/dicom-frame-size"],
    ["no codestream, JP2", jp2(new Uint8Array(20)), JPEG_2000, "input/damaged-image"],
    ["a header alone, JPEG 2000", jpeg2000(2, 2).slice(0, 30), JPEG_2000, "input/cut-short"],
  ])("%s", async (_, codestream, syntax, expected) => {
    const image = await openImage(file(codestream, syntax));
    const error = (await image.frame(0).catch((caught: unknown) => caught)) as PortalError;
    expect(`${error.family}/${error.code}`).toBe(expected);
    expect(decoderAsked).not.toHaveBeenCalled();
  });

  test.each([
    ["JPEG-LS", concat(jpegLs(2, 2), end), JPEG_LS],
    ["JPEG 2000", jpeg2000(2, 2), JPEG_2000],
    ["JP2", jp2(jpeg2000(2, 2)), JPEG_2000],
  ])("of the right size reaches the decoder, and a missing one is said: %s", async (_, codestream, syntax) => {
    const image = await openImage(file(codestream, syntax));
    await expect(image.frame(0)).rejects.toMatchObject({ family: "browser", code: "wasm-failed" });
    expect(decoderAsked).toHaveBeenCalled();
  });

  test("fragments are sorted into frames once", async () => {
    const parts = [1, 2, 3, 4].map((value) => Uint8Array.of(value, 0xff, 0xd9, value));
    const { dataSet } = await parseDicomFile(concat(dicomFile([], JPEG_2000), encapsulated(...parts)));
    const looked = vi.spyOn(dataSet, "element");
    const codestreamOf = codestreamsOf(dataSet, 4);
    expect(codestreamOf(2)[0]).toBe(3);
    const once = looked.mock.calls.length;
    expect([codestreamOf(0)[0], codestreamOf(3)[0], once]).toEqual([1, 4, looked.mock.calls.length]);
  });
});

describe("files", () => {
  test("too large to be read are not read", async () => {
    const file = { size: MAX_FILE_BYTES + 1, arrayBuffer: vi.fn() };
    await expect(readWhole(file as unknown as Blob)).rejects.toMatchObject({ code: "file-too-large" });
    expect(file.arrayBuffer).not.toHaveBeenCalled();
  });

  test("that cannot be read", async () => {
    const refuse = async () => Promise.reject(new DOMException("", "NotReadableError"));
    const folder = { size: 4096, arrayBuffer: refuse } as unknown as Blob;
    await expect(readWhole(folder)).rejects.toMatchObject({ code: "unreadable-file" });
  });

  const fileEntry = (name: string): FileSystemFileEntry =>
    ({ name, isFile: true, file: (found: (f: File) => void) => found(new File([], name)) }) as never;
  const folderEntry = (name: string, inside: FileSystemEntry[]): FileSystemEntry =>
    ({
      name,
      isFile: false,
      createReader: () => {
        const left = [...inside];
        // as Chromium does: a hundred at a time
        return { readEntries: (some: (e: FileSystemEntry[]) => void) => some(left.splice(0, 100)) };
      },
    }) as never;
  const item = (entry: FileSystemEntry): DataTransferItem =>
    ({ kind: "file", webkitGetAsEntry: () => entry }) as never;

  test("of a folder", async () => {
    const many = Array.from({ length: 250 }, (_, i) => fileEntry(`IM${i}`));
    const folder = folderEntry("CD", [
      fileEntry("DICOMDIR"), fileEntry(".DS_Store"), folderEntry("series", many),
    ]);
    const files = await droppedFiles([item(folder), item(fileEntry("one.png"))]);
    expect(files.length).toBe(251);
    expect(files.slice(9, 11).map((file) => file.name)).toEqual(["IM9", "IM10"]);
    expect(files.at(-1)!.name).toBe("one.png");
  });

  test("of a folder that is too large", async () => {
    const many = Array.from({ length: MAX_FILES + 1 }, (_, i) => fileEntry(`IM${i}`));
    const dropped = droppedFiles([item(folderEntry("disk", many))]);
    await expect(dropped).rejects.toMatchObject({ code: "too-many-files" });
  });
});

describe("opened images", () => {
  const image = (heldBytes: number): OpenedImage => ({ heldBytes }) as OpenedImage;
  const content = new Uint8Array(1);

  test("stay as long as they fit, the newest in any case", async () => {
    const sizes = [0.4, 0.5, 0.3, 2];
    const images = new OpenImages(async () => image(sizes.shift()! * MAX_OPEN_BYTES));
    await images.get("a", content);
    await images.get("b", content);
    await images.get("a", null); // used again: newer than b
    await images.get("c", content);
    await expect(images.get("b", null)).rejects.toMatchObject({ code: "not-open" });
    await images.get("a", null);
    await images.get("large", content);
    await images.get("large", null);
    await expect(images.get("a", null)).rejects.toMatchObject({ code: "not-open" });
  });

  test("one that is not open any more is read from the vault", async () => {
    const frame = vi.fn(async (_: string, given: Uint8Array | null) => {
      if (given === null) throw inputError("not-open");
      return "a frame" as never;
    });
    expect(await readFrame({ frame }, "id", 0, async () => new Uint8Array(1))).toBe("a frame");
    const gone = readFrame({ frame }, "id", 0, async () => null);
    await expect(gone).rejects.toMatchObject({ code: "file-gone" });
  });
});

test("bytes of words in another order, frame by frame", async () => {
  // eight bits in big-endian words, and an odd number of them in a frame
  const file = dicomFile([
    [0x00280010, "US", [1]],
    [0x00280011, "US", [3]],
    [0x00280008, "IS", "2"],
    [0x7fe00010, "OW", Uint8Array.of(1, 2, 3, 4, 5, 6)],
  ]);
  const image = await openImage(file);
  expect([...(await image.frame(1)).values]).toEqual([4, 5, 6]);
  expect(viewOf(file).byteLength).toBe(file.length);
});
