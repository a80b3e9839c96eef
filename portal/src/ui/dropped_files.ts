// What was dropped: files, and those in folders, which is how DICOM usually comes.

import { inputError } from "../core/errors.ts";

/** A folder of more is not what somebody meant to drop. */
export const MAX_FILES = 1000;
const MAX_DEPTH = 16;

/**
 * The files of a drop, in the order of their names within each folder. To be called in the drop's own
 * event: afterwards the browser has forgotten what was dropped.
 *
 * Raises: input/too-many-files, input/unreadable-file.
 */
export async function droppedFiles(items: Iterable<DataTransferItem>): Promise<File[]> {
  const entries = [...items]
    .filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const files: File[] = [];
  const walk = async (entry: FileSystemEntry | File | null, depth: number): Promise<void> => {
    if (entry === null || depth > MAX_DEPTH) return;
    if (files.length >= MAX_FILES) throw inputError("too-many-files", { most: MAX_FILES });
    if (entry instanceof File) files.push(entry);
    else if (entry.isFile) files.push(await fileOf(entry as FileSystemFileEntry));
    else {
      const inside = await entriesOf(entry as FileSystemDirectoryEntry);
      for (const one of inside) if (!isAside(one.name)) await walk(one, depth + 1);
    }
  };
  for (const entry of entries) await walk(entry, 0);
  return files;
}

/** What lies beside the images in a folder: hidden files, and the directory of a DICOM disk. */
const isAside = (name: string): boolean => name.startsWith(".") || name === "DICOMDIR";

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => {
    entry.file(resolve, () => reject(inputError("unreadable-file")));
  });
}

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // a reader gives some of them at a time, and in the end none
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, () => reject(inputError("unreadable-file")));
    });
    if (some.length === 0) break;
    all.push(...some);
  }
  return all.sort((left, right) => left.name.localeCompare(right.name, "en", { numeric: true }));
}
