/**
 * Pictures of all tiles that can be seen, over one connection: browsers open only six to a host.
 *
 * One camera alone is asked for as `sources/{id}/preview.mjpeg`, several as `sources/preview.mjpeg`, whose parts name theirs.
 */
import { open, pathTo, Problem } from "../api";
import { keepTrying, whileVisible } from "../connection";
import type { Face } from "../types";
import { type Part, PartReader } from "./multipart";

const SETTLE_MS = 120;
const SILENCE_MS = 15_000;

export interface Picture {
  jpeg: Uint8Array<ArrayBuffer>;
  faces: Face[];
  frameIndex: number;
  capturedAt: string;
  width: number;
  height: number;
  /** From the frame's arrival at the engine to this picture of it; null for recordings. */
  latencyMs: number | null;
}

export interface Look {
  blur: boolean;
  width: number;
}

type Sink = (picture: Picture) => void;
type Failure = (problem: Problem) => void;

export class PreviewHub {
  private readonly sinks = new Map<string, { take: Sink; fail: Failure }>();
  private look: Look = { blur: false, width: 640 };
  private timer = 0;
  private stop: (() => void) | null = null;
  private alone: { id: string; width: number } | null = null;

  watch(id: string, take: Sink, fail: Failure): () => void {
    const mine = { take, fail };
    this.sinks.set(id, mine);
    this.change();
    return () => {
      if (this.sinks.get(id) === mine) this.sinks.delete(id);
      this.change();
    };
  }

  show(look: Look): void {
    if (look.blur === this.look.blur && look.width === this.look.width) return;
    // Until blurred pictures come, none is shown.
    if (look.blur && !this.look.blur) this.end();
    this.look = look;
    this.change();
  }

  /** While one camera fills the screen only it is asked for, in a width of its own; null: all again. */
  only(alone: { id: string; width: number } | null): void {
    if (this.alone?.id === alone?.id && this.alone?.width === alone?.width) return;
    this.alone = alone;
    this.change();
  }

  close(): void {
    clearTimeout(this.timer);
    this.end();
  }

  private end(): void {
    this.stop?.();
    this.stop = null;
  }

  private change(): void {
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => {
      this.end();
      const { alone } = this;
      const ids = alone ? [alone.id].filter((id) => this.sinks.has(id)) : [...this.sinks.keys()].sort();
      if (ids.length) this.stop = whileVisible(() => this.follow(ids));
    }, SETTLE_MS);
  }

  private follow(ids: string[]): () => void {
    const ending = new AbortController();
    const { blur } = this.look;
    const width = this.alone?.width ?? this.look.width;
    const only = ids.length === 1 ? ids[0] : undefined;
    const url =
      only === undefined
        ? pathTo("sources/preview.mjpeg", { source_id: ids, blur, width })
        : pathTo(`sources/${encodeURIComponent(only)}/preview.mjpeg`, { blur, width });
    void keepTrying("preview", ending.signal, async (alive) => {
      try {
        await readParts(url, ending.signal, alive, (part) => {
          const id = part.headers.get("x-source-id") ?? only ?? "";
          this.sinks.get(id)?.take(pictureOf(part));
        });
      } catch (error) {
        if (!ending.signal.aborted && error instanceof Problem) for (const id of ids) this.sinks.get(id)?.fail(error);
        throw error;
      }
      // It ended in good order, or was silent for long: asked for again, which tells whether the engine is there.
    });
    return () => ending.abort();
  }
}

async function readParts(
  url: string,
  signal: AbortSignal,
  alive: () => void,
  take: (part: Part) => void,
): Promise<void> {
  const silence = new AbortController();
  const answer = await open(url, { signal: AbortSignal.any([signal, silence.signal]) });
  alive();
  const body = (answer.body as ReadableStream<Uint8Array>).getReader();
  const parts = new PartReader();
  let timer = 0;
  try {
    for (;;) {
      clearTimeout(timer);
      // A camera may be silent for long; a connection that died without a word is found out this way.
      timer = window.setTimeout(() => silence.abort(), SILENCE_MS);
      const { done, value } = await body.read();
      if (done) return;
      alive();
      for (const part of parts.take(value)) take(part);
    }
  } catch (error) {
    if (!silence.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    void body.cancel().catch(() => undefined);
  }
}

function pictureOf(part: Part): Picture {
  const [width = 0, height = 0] = (part.headers.get("x-frame-size") ?? "").split("x").map(Number);
  return {
    jpeg: part.body,
    faces: facesIn(part.headers.get("x-faces")),
    frameIndex: Number(part.headers.get("x-frame-index") ?? -1),
    capturedAt: part.headers.get("x-captured-at") ?? "",
    width,
    height,
    latencyMs: numberIn(part.headers.get("x-latency-ms")),
  };
}

function numberIn(text: string | undefined): number | null {
  return text && Number.isFinite(Number(text)) ? Number(text) : null;
}

/** A list that cannot be read is an empty one: the picture is worth showing without it. */
function facesIn(text: string | undefined): Face[] {
  try {
    const found: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(found) ? (found as Face[]).filter((face) => face?.bbox && Number.isFinite(face.bbox.x)) : [];
  } catch {
    return [];
  }
}
