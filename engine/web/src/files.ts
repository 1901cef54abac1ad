/** Files to take along: samples, changes and tracks as CSV, and how a browser is handed one. */
import { type Change, labelsOf } from "./history";
import type { Sample, Track } from "./types";

type Cell = string | number | null;

/** A leading = + - @ would be a formula to a spreadsheet. */
function cell(value: Cell): string {
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value ?? "") ? `'${value}` : (value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

export function samplesCsv(samples: readonly Sample[]): string {
  const labels = labelsOf(samples);
  const rows = samples.map((one) => [one.at, one.label, one.confidence, ...labels.map((label) => one.scores[label] ?? 0)]);
  return csv([["at", "label", "confidence", ...labels], ...rows]);
}

/** `held_s`: how long the label before had held. */
export function changesCsv(changes: readonly Change[]): string {
  const rows = changes.map(({ at, before, held, after, confidence }) => [at, before, held, after, confidence]);
  return csv([["at", "before", "held_s", "after", "confidence"], ...rows]);
}

const COLUMNS = [
  "track_uid", "run_id", "source_id", "track_id", "first_seen", "last_seen", "duration_s", "label", "confidence", "state", "events",
] as const satisfies readonly (keyof Track)[];

export function tracksCsv(tracks: readonly Track[]): string {
  return csv([COLUMNS, ...tracks.map((track) => COLUMNS.map((column) => track[column]))]);
}

/** Hands the text to the browser as a file. */
export function download(name: string, kind: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: kind }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name.replace(/[^\w.-]+/g, "_").slice(0, 120);
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
