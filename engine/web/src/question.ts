/** Which buckets of face time are asked for, and all of their answer. */
import { get } from "./api";
import { type Range, RANGES } from "./stats";
import type { Stats } from "./types";

/** So many the engine answers with at once. */
const MOST_BUCKETS = 1000;

export interface Question {
  /** In seconds since 1970. */
  from: number;
  to: number;
  bucket: number;
}

/** The width that no hour of the browser's time zone cuts in two: India's are half an hour, Nepal's a quarter off. */
function uncut(bucket: number, moments: readonly number[]): number {
  const off = moments.map((at) => Math.abs(new Date(at * 1000).getTimezoneOffset()) % 60);
  if (off.every((minutes) => minutes === 0)) return bucket;
  return Math.min(bucket, off.every((minutes) => minutes % 30 === 0) ? 1800 : 900);
}

/** Up to `now`, in whole buckets. `fixed`: the one width that the engine tells of, where there is one. */
export function question(range: Range, fixed: number | null, now: number): Question {
  const { seconds, bucket: wanted } = RANGES[range];
  const bucket = fixed ?? uncut(wanted, [now - seconds, now]);
  const to = (Math.floor(now / bucket) + 1) * bucket;
  return { from: to - Math.max(seconds, bucket), to, bucket };
}

export async function answerTo({ from, to, bucket }: Question, signal: AbortSignal): Promise<Stats> {
  const parts: Promise<Stats>[] = [];
  for (let at = from; at < to; at += MOST_BUCKETS * bucket) {
    const end = Math.min(at + MOST_BUCKETS * bucket, to);
    const params = { from: new Date(at * 1000).toISOString(), to: new Date(end * 1000).toISOString(), bucket_s: bucket };
    parts.push(get<Stats>("stats/emotions", params, signal));
  }
  const answers = await Promise.all(parts);
  const [first, last] = [answers[0] as Stats, answers.at(-1) as Stats];
  return { ...first, to: last.to, items: answers.flatMap((one) => one.items) };
}
