/**
 * Confidence as a band: where most samples of a short time lie, and their median. Pure; times in seconds since 1970.
 *
 * A stretch is a run of samples without a gap. Nothing is drawn between two of them, and none knows of another's samples.
 */
import type { Sample } from "./types";

/** Without a sample for longer than this nobody was seen: what is drawn breaks off. */
export const GAP_S = 3;
/** So much time at least is looked at for each point: as samples come once a second, fewer would say nothing. */
export const LEAST_S = 10;
/** The band is from this share of the samples to the same share from above: eight of ten lie in it. The texts say so. */
export const OUTER = 0.1;
/** Of fewer samples than this the band holds all: a tenth of them is nobody. */
export const FEW = 5;
export const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400];

/** One place of the band. `count` samples are within `spanS` seconds around `at`, or as many as the stretch has. */
export interface Spread {
  at: number;
  low: number;
  middle: number;
  high: number;
  count: number;
}

export interface Band {
  /** In order of time; null where nothing is to be drawn, with the time of it. */
  points: (Spread | { at: number; low: null; middle: null; high: null; count: 0 })[];
  spanS: number;
}

interface Stretch {
  times: number[];
  values: number[];
}

/** The share `q` of sorted `values`, between two of them where it falls there. */
export function quantile(values: readonly number[], q: number): number {
  const place = (values.length - 1) * q;
  const [below, above] = [values[Math.floor(place)] as number, values[Math.ceil(place)] as number];
  return below + (above - below) * (place - Math.floor(place));
}

export function spreadOf(values: readonly number[], at: number): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const outer = sorted.length < FEW ? 0 : OUTER;
  const [low, middle, high] = [outer, 0.5, 1 - outer].map((q) => quantile(sorted, q)) as [number, number, number];
  return { at, low, middle, high, count: sorted.length };
}

/** Samples that tell a label, in runs. One without a label has no confidence to tell of, so it ends a run. */
export function stretches(samples: readonly Sample[]): Stretch[] {
  const found: Stretch[] = [];
  let last = Number.NaN;
  for (const { at, label, confidence } of samples) {
    const time = Date.parse(at) / 1000;
    if (label === null || !Number.isFinite(confidence)) last = Number.NaN;
    else {
      if (!(time - last <= GAP_S)) found.push({ times: [], values: [] });
      const stretch = found.at(-1) as Stretch;
      stretch.times.push(time);
      stretch.values.push(confidence);
      last = time;
    }
  }
  return found;
}

/** The place of the first time that is not before `time`. */
function firstFrom(times: readonly number[], time: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The band from `from` to `to` in about `columns` places. A sample stands for its second. */
export function bandOf(runs: readonly Stretch[], from: number, to: number, columns: number): Band {
  const least = Math.max(to - from, 1) / Math.max(columns, 1);
  const step = STEPS_S.find((one) => one >= least) ?? Math.ceil(least);
  const spanS = Math.max(step, LEAST_S);
  const points: Band["points"] = [];
  for (const run of runs) {
    const [first, end] = [run.times[0] as number, (run.times.at(-1) as number) + 1];
    if (end < from - step || first > to + step) continue;
    const before = points.at(-1);
    if (before) points.push({ at: (before.at + first) / 2, low: null, middle: null, high: null, count: 0 });
    points.push(...places(run, Math.max(first, from - step), Math.min(end, to + step), step, spanS));
  }
  return { points, spanS };
}

/** Both ends of what can be seen of a run, and the middle of each step between, where steps are those of the clock. */
function places(run: Stretch, from: number, to: number, step: number, spanS: number): Spread[] {
  const at = [from];
  for (let middle = (Math.floor(from / step) + 0.5) * step; middle < to; middle += step) if (middle > from) at.push(middle);
  if (to > from) at.push(to);
  const found: Spread[] = [];
  for (const time of at) {
    // Half open, and centred on the second that a sample stands for.
    const [start, stop] = [time - 0.5 - spanS / 2, time - 0.5 + spanS / 2].map((edge) => firstFrom(run.times, edge)) as [number, number];
    const values = run.values.slice(start, stop);
    // Without a sample nearby (a long step at the end of a run) the nearest one tells.
    const near = Math.min(start, run.values.length - 1);
    found.push(spreadOf(values.length ? values : [run.values[near] as number], time));
  }
  return found;
}

/** All together, and in up to `count` equal parts of the time; parts without samples are left out. */
export function summary(runs: readonly Stretch[], from: number, to: number, count: number): { all: Spread | null; parts: Spread[] } {
  const held = runs.flatMap((run) => run.times.map((at, place) => [at, run.values[place] as number] as const));
  const seen = held.filter(([at]) => at >= from && at < to);
  if (seen.length === 0) return { all: null, parts: [] };
  const width = Math.max((to - from) / count, 1);
  const parts: number[][] = [];
  for (const [at, value] of seen) (parts[Math.floor((at - from) / width)] ??= []).push(value);
  const told: Spread[] = [];
  parts.forEach((values, place) => told.push(spreadOf(values, from + place * width)));
  return { all: spreadOf(seen.map(([, value]) => value), from), parts: told };
}
