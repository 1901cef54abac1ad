/** Sums over buckets of face time: by time, by camera, by hour and by day. */
import { inOrder } from "./emotions";
import type { Bucket, Stats } from "./types";

export type Label = string | null;

/** Seconds by emotion. */
export interface Sum {
  seconds: Map<Label, number>;
  total: number;
}

export const RANGES = {
  hour: { seconds: 3600, bucket: 60 },
  day: { seconds: 86_400, bucket: 900 },
  week: { seconds: 7 * 86_400, bucket: 3600 },
  month: { seconds: 30 * 86_400, bucket: 3600 },
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
export function dayOf(bucket: Bucket): string {
  const at = new Date(bucket.start);
  return `${at.getFullYear()}-${String(at.getMonth() + 1).padStart(2, "0")}-${String(at.getDate()).padStart(2, "0")}`;
}

export interface Shares {
  times: number[];
  labels: Label[];
  /** One row a label; null where there was nobody. */
  rows: (number | null)[][];
}

/** Shares over all steps of the time asked for. */
export function sharesOverTime(stats: Stats, buckets: readonly Bucket[], labels: Label[]): Shares {
  const step = stats.bucket_s;
  const first = Math.floor(Date.parse(stats.from) / 1000 / step) * step;
  const last = Date.parse(stats.to) / 1000;
  const byTime = grouped(buckets, (bucket) => Date.parse(bucket.start) / 1000);
  const times: number[] = [];
  for (let at = first; at <= last; at += step) times.push(at);
  const sums = times.map((at) => {
    const here = byTime.get(at);
    return here ? sum(here) : null;
  });
  const rows = labels.map((label) => sums.map((one) => (one?.total ? share(one, label) : null)));
  return { times, labels, rows };
}
