/** States and causes of cameras in plain words. */
import { number } from "./format";
import { type Key, has, t } from "./text";
import type { Source } from "./types";

function told(key: string, otherwise: string): string {
  return has(key) ? t(key as Key) : otherwise;
}

export function stateText(source: Pick<Source, "state">): string {
  return told(`source.${source.state}`, source.state);
}

/** What the engine says of a camera without a cause, as patterns. Nothing where its state says all. */
const DETAILS: readonly (readonly [RegExp, Key | null])[] = [
  [/^paused$/, null],
  [/^removed$/, "detail.removed"],
  [/^changed$/, "detail.changed"],
  [/^no picture for ([\d.]+) s$/, "detail.noPicture"],
];

function detailText(detail: string): string | null {
  for (const [pattern, key] of DETAILS) {
    const found = pattern.exec(detail);
    if (found) return key && t(key, { s: number(Number(found[1] ?? 0), 1) });
  }
  return detail || null;
}

/** Why it is not online; null where there is nothing to say. */
export function causeText(source: Pick<Source, "cause" | "detail">): string | null {
  if (!source.cause) return detailText(source.detail);
  return told(`cause.${source.cause}`, source.detail || source.cause);
}

/** Frames that were lost, of all captured, 0 to 1. */
export function lostShare(source: Source): number | null {
  const { captured, outcomes } = source.frames;
  if (!captured) return null;
  return ((outcomes.dropped_stale ?? 0) + (outcomes.dropped_queue ?? 0) + (outcomes.failed ?? 0)) / captured;
}
