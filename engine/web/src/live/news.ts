/** What the stream of events tells about each camera: its latest faces, its latency, and the lines of the ticker. */
import { shownBy } from "../emotions";
import type { EngineEvent, Face } from "../types";

const LATENCIES = 40;
const LINES = 80;
/** Events from before are no measure of now. */
const EVENT_MS = 60_000;
/** A face of which nothing was heard for so long is not drawn from events any more. */
const STALE_MS = 2_500;

export interface Seen {
  faces: Face[];
  width: number;
  height: number;
}

/** How long a camera's frames take, and to what: an event, or, where there are no faces to tell of, their picture. */
export interface Latency {
  ms: number | null;
  to: "event" | "picture";
}

interface Known {
  face: Face;
  heard: number;
}

export class News {
  lines: EngineEvent[] = [];
  private readonly events = new Map<string, { heard: number; list: number[] }>();
  private readonly pictures = new Map<string, number[]>();
  private readonly known = new Map<string, Map<string, Known>>();
  private readonly sizes = new Map<string, { width: number; height: number }>();

  /** Takes an event; says whether the ticker has a new line. */
  take(event: EngineEvent, now: number): boolean {
    if (typeof event.latency_ms === "number") this.time(event.source_id, event.latency_ms, now);
    if (event.track_uid) this.see(event, event.track_uid, now);
    return this.tell([event]);
  }

  /** Puts events on the ticker, oldest first; repeats are dropped. */
  tell(events: readonly EngineEvent[]): boolean {
    const told = new Set(this.lines.map((line) => line.event_id));
    const fresh = events.filter((event) => event.type !== "update" && !told.has(event.event_id));
    this.lines = [...[...fresh].reverse(), ...this.lines].slice(0, LINES);
    return fresh.length > 0;
  }

  /** A picture came that took so long. */
  picture(source: string, latency: number | null): void {
    if (latency !== null) this.pictures.set(source, [...(this.pictures.get(source) ?? []), latency].slice(-LATENCIES));
  }

  /** The median of the latest latencies of a camera, in milliseconds. */
  latency(source: string, now: number): Latency {
    const told = this.events.get(source);
    if (told && now - told.heard < EVENT_MS) return { ms: median(told.list), to: "event" };
    return { ms: median(this.pictures.get(source) ?? []), to: "picture" };
  }

  /** The faces of a camera as its events told them, for engines without previews. */
  seen(source: string, now: number): Seen {
    const mine = this.known.get(source) ?? new Map<string, Known>();
    for (const [uid, { heard }] of mine) if (now - heard > STALE_MS) mine.delete(uid);
    return { faces: [...mine.values()].map(({ face }) => face), ...(this.sizes.get(source) ?? { width: 0, height: 0 }) };
  }

  private time(source: string, latency: number, now: number): void {
    const before = this.events.get(source);
    const list = before && now - before.heard < EVENT_MS ? before.list : [];
    this.events.set(source, { heard: now, list: [...list, latency].slice(-LATENCIES) });
  }

  private see(event: EngineEvent, uid: string, now: number): void {
    const mine = this.known.get(event.source_id) ?? new Map<string, Known>();
    this.known.set(event.source_id, mine);
    if (event.type === "end") {
      mine.delete(uid);
      return;
    }
    if (!event.bbox) return;
    const { frame } = event as EngineEvent & { frame?: { width: number; height: number } };
    if (frame) this.sizes.set(event.source_id, frame);
    const face = {
      track_id: event.track_id,
      track_uid: uid,
      bbox: event.bbox,
      ...shownBy(event),
      gated: event.gated ?? [],
      confidence: event.after?.confidence ?? null,
      scores: event.after?.scores ?? {},
    };
    mine.set(uid, { face, heard: now });
  }
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
