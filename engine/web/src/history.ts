/** One person's samples and events: all pages of them, and what can be read off. */
import { get } from "./api";
import { GAP_S } from "./band";
import { inOrder } from "./emotions";
import type { EngineEvent, Page, Sample } from "./types";

const LIMIT = 1000;

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

/**
 * All items of a paged answer that only grows, up to `most` pages; asked again it reads on where it was.
 *
 * The last page is read anew each time, as its last item may have changed meanwhile.
 */
export class Growing<T> {
  /** Whether there is more than `most` pages hold. */
  cut = false;
  private readonly full: T[] = [];
  private cursor: string | null = null;
  private pages = 0;

  constructor(
    private readonly path: string,
    private readonly most: number,
  ) {}

  /** Throws `Problem`, and goes on from there the next time. */
  async all(signal?: AbortSignal): Promise<T[]> {
    for (;;) {
      const answer: Page<T> = await get<Page<T>>(this.path, { limit: LIMIT, cursor: this.cursor }, signal);
      const last = answer.next_cursor === null || this.pages + 1 >= this.most;
      this.cut = last && answer.next_cursor !== null;
      if (last) return [...this.full, ...answer.items];
      this.full.push(...answer.items);
      this.cursor = answer.next_cursor;
      this.pages += 1;
    }
  }
}

/** All labels of the samples' scores, in the order in which they are drawn. */
export function labelsOf(samples: readonly Sample[]): string[] {
  return inOrder(samples.flatMap((sample) => Object.keys(sample.scores))) as string[];
}

/** Stretches of one label; a gap of more than `gap_s` ends one. Times in seconds since 1970. */
export function segments(samples: readonly Sample[], gapS = GAP_S): Segment[] {
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
