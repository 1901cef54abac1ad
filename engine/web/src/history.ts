/** One person's samples and events: all pages of them, and what can be read off. */
import { get, type Params } from "./api";
import { GAP_S } from "./band";
import { inOrder, saidOf, shownBy, sureOf } from "./emotions";
import type { EngineEvent, Page, Sample } from "./types";

const LIMIT = 1000;
/** Asked for at once where only news are wanted. */
const FEW = 50;

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
  said: string;
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
  private held: readonly T[] = [];
  private cursor: string | null = null;
  private pages = 0;

  constructor(
    private readonly path: string,
    private readonly most: number,
  ) {}

  /** The same array again where nothing came. Throws `Problem`, and goes on from there the next time. */
  async all(signal?: AbortSignal): Promise<readonly T[]> {
    for (;;) {
      const answer: Page<T> = await get<Page<T>>(this.path, { limit: LIMIT, cursor: this.cursor }, signal);
      const last = answer.next_cursor === null || this.pages + 1 >= this.most;
      this.cut = last && answer.next_cursor !== null;
      if (last) return this.keep([...this.full, ...answer.items]);
      this.full.push(...answer.items);
      this.cursor = answer.next_cursor;
      this.pages += 1;
    }
  }

  private keep(now: readonly T[]): readonly T[] {
    const same = now.length === this.held.length && JSON.stringify(now.at(-1)) === JSON.stringify(this.held.at(-1));
    if (!same) this.held = now;
    return this.held;
  }
}

/**
 * All events of a list that has the newest first, up to `most` pages, told in order of time; asked again it reads down to those it has.
 */
export class Latest {
  private held: readonly EngineEvent[] = [];

  constructor(
    private readonly params: Params,
    private readonly most: number,
  ) {}

  /** The same array again where nothing came. Throws `Problem`, and keeps what it had. */
  async all(signal?: AbortSignal): Promise<readonly EngineEvent[]> {
    const newest = this.held.at(-1)?.event_id;
    const news: EngineEvent[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < this.most; page++) {
      const limit = newest === undefined ? LIMIT : FEW;
      const answer: Page<EngineEvent> = await get<Page<EngineEvent>>("events", { ...this.params, limit, cursor }, signal);
      const known = answer.items.findIndex((one) => one.event_id === newest);
      news.push(...(known < 0 ? answer.items : answer.items.slice(0, known)));
      cursor = answer.next_cursor;
      if (known < 0 && cursor !== null) continue;
      if (known < 0) this.held = news.reverse();
      else if (news.length > 0) this.held = [...this.held, ...news.reverse()];
      return this.held;
    }
    this.held = news.reverse();
    return this.held;
  }
}

/** All labels of the samples' scores, in the order in which they are drawn. */
export function labelsOf(samples: readonly Sample[]): string[] {
  const found = new Set<string>();
  for (const { scores } of samples) for (const label in scores) found.add(label);
  return inOrder(found) as string[];
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

/** A segment to draw: what was told most in it, where more than that was told. */
export interface Drawn extends Segment {
  mixed: boolean;
}

/** What can be seen of `parts`, where segments of less than `least` seconds are drawn together with their neighbours. */
export function merged(parts: readonly Segment[], from: number, to: number, least: number): Drawn[] {
  const found: Drawn[] = [];
  let short: Segment[] = [];
  const flush = () => {
    const [first, last] = [short[0], short.at(-1)];
    if (first && last) found.push({ label: totals(short)[0]?.[0] ?? null, from: first.from, to: last.to, mixed: short.length > 1 });
    short = [];
  };
  for (const part of parts) {
    if (part.to <= from || part.from >= to) continue;
    const [first, last] = [short[0], short.at(-1)];
    if (first && last && (part.from - last.to >= least || last.to - first.from >= least)) flush();
    if (part.to - part.from < least) short.push(part);
    else {
      flush();
      found.push({ ...part, mixed: false });
    }
  }
  flush();
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
      confidence: event.after ? sureOf(event.after) : null,
      said: saidOf(shownBy(event)),
      held: event.before?.dwell_s ?? null,
    }));
}
