// In which order the worklist shows its studies, and what a search finds.

import { type Study } from "./studies.ts";

/** One line of the worklist; the first image of a series that has several stands under its heading. */
export interface Line {
  study: Study;
  heading: { description: string; count: number } | null;
}

/** The images of a series together, by their number; series and single files by the newest first. */
export function ordered(studies: readonly Study[]): Line[] {
  const groups = new Map<string, Study[]>();
  for (const study of studies) {
    const series = study.summary?.identity?.seriesUid || study.id;
    groups.set(series, [...(groups.get(series) ?? []), study]);
  }
  return [...groups.values()].flatMap((group) => {
    const number = (study: Study): number => study.summary?.identity?.instanceNumber ?? Infinity;
    const sorted = group.toSorted((left, right) => {
      const [a, b] = [number(left), number(right)];
      return a === b ? 0 : a - b; // Infinity - Infinity is not a number
    });
    return sorted.map((study, index) => ({
      study,
      heading: group.length > 1 && index === 0 ? headingOf(study, group.length) : null,
    }));
  });
}

function headingOf(study: Study, count: number): Line["heading"] {
  const identity = study.summary?.identity;
  const modality = study.summary?.modality ?? "";
  const number = identity?.seriesNumber ?? null;
  const parts = [modality, number === null ? "" : `${number}`, identity?.description ?? ""];
  return { description: parts.filter((part) => part !== "").join(" · "), count };
}

/** Patient, date and description as one line; empty for a picture or a table. */
export function identityLine(study: Study): string {
  const identity = study.summary?.identity;
  if (identity === undefined || identity === null) return "";
  const { patientName, patientId, studyDate, description } = identity;
  return [patientName, patientId, studyDate, description].filter((part) => part !== "").join(" · ");
}

/** Whether each word that is searched for occurs somewhere in what is known of a study. */
export function matches(study: Study, search: string): boolean {
  const { run, summary } = study;
  const known = [
    study.name,
    ...(run?.findings.map((one) => one.finding) ?? []),
    run?.model ?? "",
    summary?.modality ?? "",
    identityLine(study),
  ];
  const text = known.join(" ").toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
