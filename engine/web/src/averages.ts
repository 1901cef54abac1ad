/** Scores over time in as many points as can be seen. Pure; times in seconds since 1970. */
import { GAP_S, STEPS_S } from "./band";
import type { Sample } from "./types";

type Scores = Record<string, number>;

/** What is drawn at `x`; null in a gap. */
export interface Point {
  x: number;
  scores: Scores | null;
}

function mean(samples: readonly Sample[]): Scores {
  if (samples.length === 1) return (samples[0] as Sample).scores;
  const sums: Scores = {};
  for (const { scores } of samples) for (const label in scores) sums[label] = (sums[label] ?? 0) + (scores[label] as number) / samples.length;
  return sums;
}

/** Where samples follow each other without a gap, as places from and up to. */
export function runsIn(times: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  times.forEach((time, place) => {
    const last = runs.at(-1);
    if (last && time - (times[place - 1] as number) <= GAP_S) last[1] = place + 1;
    else runs.push([place, place + 1]);
  });
  return runs;
}

/**
 * Samples from `from` to `to` in about `columns` points, each the mean of its step of the clock.
 *
 * A sample stands for its second, so each run ends a second after its last; then nothing, as nobody was seen.
 */
export function averages(
  samples: readonly Sample[],
  times: readonly number[],
  runs: readonly (readonly [number, number])[],
  [from, to]: readonly [number, number],
  columns: number,
): Point[] {
  const least = Math.max(to - from, 1) / columns;
  const step = STEPS_S.find((one) => one >= least) ?? Math.ceil(least);
  const points: Point[] = [];
  for (const [first, end] of runs) {
    const last = times[end - 1] as number;
    if (last + 1 < from - step || (times[first] as number) > to + step) continue;
    const before = points.at(-1);
    if (before) points.push({ x: before.x + 0.5, scores: null });
    let start = first;
    while (start < end) {
      const column = Math.floor((times[start] as number) / step);
      let stop = start + 1;
      while (stop < end && Math.floor((times[stop] as number) / step) === column) stop += 1;
      const seen = (column + 1) * step >= from - step && column * step <= to + step;
      const middle = ((times[start] as number) + (times[stop - 1] as number)) / 2;
      if (seen) points.push({ x: start === first ? (times[first] as number) : middle, scores: mean(samples.slice(start, stop)) });
      start = stop;
    }
    // At least as wide as can be seen, short of the next one.
    const until = Math.max(last + 1, Math.min((times[first] as number) + least, (times[end] ?? Infinity) - 1));
    if (until <= to + step) points.push({ x: until, scores: points.at(-1)?.scores ?? null });
  }
  return points;
}
