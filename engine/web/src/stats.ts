/** Sums over buckets of face time: by time, by camera, by hour and by day. */
import { inOrder } from "./emotions";
import type { Bucket, Stats } from "./types";

export type Label = string | null;

/** Seconds by emotion. */
export interface Sum {
  seconds: Map<Label, number>;
  total: number;
}

/** `bucket`: what is asked for, as hours are told of; `step`: what is drawn, wide enough to be seen on a phone. */
export const RANGES = {
  hour: { seconds: 3600, bucket: 60, step: 60 },
  day: { seconds: 86_400, bucket: 900, step: 900 },
  week: { seconds: 7 * 86_400, bucket: 3600, step: 3600 },
  month: { seconds: 30 * 86_400, bucket: 3600, step: 14_400 },
} as const;
export type Range = keyof typeof RANGES;

export function sum(buckets: readonly Bucket[]): Sum {
  const made: Sum = { seconds: new Map(), total: 0 };
  for (const { label, seconds } of buckets) {
    made.seconds.set(label, (made.seconds.get(label) ?? 0) + seconds);
    made.total += seconds;
  }
  return made;
}

export function share(of: Sum, label: Label): number {
  return of.total ? (of.seconds.get(label) ?? 0) / of.total : 0;
}

export function labelsIn(buckets: readonly Bucket[]): Label[] {
  return inOrder(buckets.map((bucket) => bucket.label));
}

export function sourcesIn(buckets: readonly Bucket[]): string[] {
  return [...new Set(buckets.map((bucket) => bucket.source_id ?? ""))].sort();
}

export function grouped<K>(buckets: readonly Bucket[], by: (bucket: Bucket) => K): Map<K, Bucket[]> {
  const groups = new Map<K, Bucket[]>();
  for (const bucket of buckets) {
    const key = by(bucket);
    const group = groups.get(key);
    if (group) group.push(bucket);
    else groups.set(key, [bucket]);
  }
  return groups;
}

export function hourOf(bucket: Bucket): number {
  return new Date(bucket.start).getHours();
}

/** The day in the browser's time zone, as 2026-11-22. */
export function dayOf(bucket: Pick<Bucket, "start">): string {
  const at = new Date(bucket.start);
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;
}

/** All days of the time asked for, in order, those without faces too. */
export function daysIn({ from, to }: Stats): string[] {
  const days: string[] = [];
  const at = new Date(from);
  // Noon is there on every day, whatever the clocks are set to.
  at.setHours(12, 0, 0, 0);
  const last = dayOf({ start: new Date(Date.parse(to) - 1).toISOString() });
  for (; days.at(-1) !== last && days.length < 400; at.setDate(at.getDate() + 1)) days.push(dayOf({ start: at.toISOString() }));
  return days;
}

export interface Shares {
  /** From where to where all is, in seconds since 1970. */
  span: readonly [number, number];
  times: number[];
  labels: Label[];
  /** One row a label; null where there was nobody. */
  rows: (number | null)[][];
}

/** What is drawn at once: whole buckets, and at least `step` seconds. */
export function widthOf(stats: Stats, step: number): number {
  return Math.ceil(step / stats.bucket_s) * stats.bucket_s;
}

/**
 * Shares in all steps that have somebody, as corners of a line of steps.
 *
 * The last step of a run ends where the next would begin, and nothing is drawn right after it.
 */
export function sharesOverTime(stats: Stats, buckets: readonly Bucket[], labels: Label[], step: number): Shares {
  const width = widthOf(stats, step);
  const [from, to] = [Date.parse(stats.from) / 1000, Date.parse(stats.to) / 1000];
  // Steps begin at whole steps of the clock on the wall, as far as buckets allow.
  const off = Math.floor((-60 * new Date(stats.from).getTimezoneOffset()) / stats.bucket_s) * stats.bucket_s;
  const first = Math.floor((from + off) / width) * width - off;
  const steps = grouped(buckets, (bucket) => Math.floor((Date.parse(bucket.start) / 1000 - first) / width));
  const times: number[] = [];
  const sums: (Sum | null)[] = [];
  for (const place of [...steps.keys()].sort((a, b) => a - b)) {
    const [at, here] = [first + place * width, sum(steps.get(place) ?? [])];
    times.push(at);
    sums.push(here);
    if (steps.has(place + 1)) continue;
    times.push(at + width, at + width + 1);
    sums.push(here, null);
  }
  const rows = labels.map((label) => sums.map((one) => one && share(one, label)));
  return { span: [first, Math.max(to, first + Math.ceil((to - first) / width) * width)], times, labels, rows };
}
