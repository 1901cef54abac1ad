/** One person's samples and events: all pages of them, and what can be read off. */
import { get } from "./api";
import { inOrder } from "./emotions";
import type { EngineEvent, Page, Sample } from "./types";

const LIMIT = 1000;
const MOST = 20;

export interface Segment {
  label: string | null;
  from: number;
  to: number;
}

export interface Change {
  at: string;
  before: string | null;
  after: string | null;
  confidence: number | null;
  held: number | null;
}

/** All items of a paged answer, up to a bound. */
export async function everything<T>(path: string, signal?: AbortSignal): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MOST; page++) {
    const answer: Page<T> = await get<Page<T>>(path, { limit: LIMIT, cursor }, signal);
    found.push(...answer.items);
    cursor = answer.next_cursor;
    if (cursor === null) break;
  }
  return found;
}

/** All labels of the samples' scores, in the order in which they are drawn. */
export function labelsOf(samples: readonly Sample[]): string[] {
  return inOrder(samples.flatMap((sample) => Object.keys(sample.scores))) as string[];
}

/** Stretches of one label; a gap of more than `gap_s` ends one. Times in seconds since 1970. */
export function segments(samples: readonly Sample[], gapS = 3): Segment[] {
  const found: Segment[] = [];
  for (const sample of samples) {
    const at = Date.parse(sample.at) / 1000;
    const last = found.at(-1);
    if (last && last.label === sample.label && at - last.to <= gapS) last.to = at + 1;
    else {
      if (last && at - last.to <= gapS) last.to = at;
      found.push({ label: sample.label, from: at, to: at + 1 });
    }
  }
  return found;
}

/** Seconds by label, the longest first. */
export function totals(parts: readonly Segment[]): [string | null, number][] {
  const sums = new Map<string | null, number>();
  for (const { label, from, to } of parts) sums.set(label, (sums.get(label) ?? 0) + to - from);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

export function changes(events: readonly EngineEvent[]): Change[] {
  return events
    .filter((event) => event.type === "emotion_changed")
    .map((event) => ({
      at: event.captured_at,
      before: event.before?.label ?? null,
      after: event.after?.label ?? null,
      confidence: event.after?.confidence ?? null,
      held: event.before?.dwell_s ?? null,
    }));
}

/** A cell of a CSV file; a leading = + - @ would be a formula to a spreadsheet. */
function cell(value: string | number | null): string {
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value ?? "") ? `'${value}` : (value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function asCsv(samples: readonly Sample[]): string {
  const labels = labelsOf(samples);
  const head = ["at", "label", "confidence", ...labels];
  const rows = samples.map((one) => [one.at, one.label, one.confidence, ...labels.map((label) => one.scores[label] ?? 0)]);
  return [head, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
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
