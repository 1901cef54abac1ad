/** The webcam of this page and where it goes: lives beside the pages, so that it goes on while one looks around. */
import { get, Problem } from "../api";
import { useEffect, useState } from "preact/hooks";
import type { Key } from "../text";
import type { Face, Session, Status } from "../types";
import { CameraProblem, fitted, openCamera } from "./device";
import { Link } from "./link";
import { Mirror } from "./mirror";

const PERIOD_MS = 1000 / 15;
const QUALITY = 0.82;
const [FIRST_MS, LONGEST_MS] = [500, 8000];
const CODES: Record<number, Key> = {
  1009: "webcam.refused",
  4400: "webcam.refused",
  4403: "webcam.off",
  4410: "webcam.gone",
  4415: "webcam.refused",
  4429: "webcam.full",
  4430: "webcam.refused",
};
const IN_USE = 4409;
/** So often a name may be in use when we come back: the engine notices within seconds that we were gone. */
const TRIES = 6;

/** `away`: the engine does not answer; it is tried again and again. */
export type Phase = "off" | "starting" | "live" | "away" | "failed";

export interface Feed {
  phase: Phase;
  name: string;
  problem: Key | null;
  faces: readonly Face[];
  fps: number;
  delayMs: number | null;
}

const OFF: Feed = { phase: "off", name: "", problem: null, faces: [], fps: 0, delayMs: null };

class Webcam {
  readonly mirror = new Mirror();
  private feed: Feed = OFF;
  private readonly listeners = new Set<(feed: Feed) => void>();
  private run: Run | null = null;

  get now(): Feed {
    return this.feed;
  }

  listen(listener: (feed: Feed) => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  tell(change: Partial<Feed>): void {
    this.feed = { ...this.feed, ...change };
    for (const listener of this.listeners) listener(this.feed);
  }

  /** Opens the camera and sends what it sees. `name` empty: the first free browser-1, browser-2, ... */
  async start(device: string, name: string): Promise<void> {
    this.stop();
    const run = new Run(this);
    this.run = run;
    this.tell({ ...OFF, phase: "starting" });
    try {
      await run.open(device, name);
    } catch (error) {
      if (this.run === run) this.fail(error instanceof CameraProblem ? error.key : "webcam.failed");
      else run.close();
    }
  }

  stop(): void {
    this.run?.close();
    this.run = null;
    this.mirror.clear();
    this.tell(OFF);
  }

  fail(problem: Key): void {
    this.stop();
    this.tell({ phase: "failed", problem });
  }
}

/** From one start to its stop. */
class Run {
  private stream: MediaStream | null = null;
  private readonly video = document.createElement("video");
  private readonly canvas = document.createElement("canvas");
  private link: Link | null = null;
  private ended = false;
  private name = "";
  private chosen = false;
  private refused = 0;
  private wait = FIRST_MS;
  private timer = 0;
  private due = 0;
  private wake: (() => void) | null = null;

  constructor(private readonly webcam: Webcam) {}

  async open(device: string, name: string): Promise<void> {
    const stream = await openCamera(device);
    this.stream = stream;
    if (this.ended) return this.close();
    stream.getVideoTracks()[0]?.addEventListener("ended", () => !this.ended && this.webcam.fail("webcam.lost"));
    Object.assign(this.video, { srcObject: stream, muted: true, playsInline: true });
    await this.video.play();
    this.chosen = name !== "";
    this.name = name || (await freeName());
    if (this.ended) return this.close();
    this.connect();
    void this.pump();
  }

  close(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.link?.close();
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.video.srcObject = null;
    this.wake?.();
  }

  private connect(): void {
    if (this.ended) return;
    this.webcam.tell({ name: this.name });
    this.link = new Link(this.name, {
      ready: () => {
        this.wait = FIRST_MS;
        this.refused = 0;
        this.webcam.mirror.restart();
        this.webcam.tell({ phase: "live" });
        this.wake?.();
      },
      seen: (seen) => {
        this.webcam.mirror.take(seen);
        this.webcam.tell({ faces: seen.faces });
      },
      taken: () => this.wake?.(),
      closed: (code, reason, welcomed) => void this.closed(code, reason, welcomed),
    });
  }

  private async closed(code: number, reason: string, welcomed: boolean): Promise<void> {
    if (this.ended) return;
    this.webcam.tell({ faces: [] });
    const problem = CODES[code] ?? (welcomed ? null : await whyNot());
    if (this.ended) return;
    if (problem) {
      if (reason) console.warn(`webcam: ${code} ${reason}`);
      return this.webcam.fail(problem);
    }
    // After an outage the engine may not have noticed yet that we were gone.
    const starting = this.webcam.now.phase === "starting";
    if (code === IN_USE && ((this.refused += 1) > TRIES || (starting && this.chosen))) return this.webcam.fail("webcam.inUse");
    if (code === IN_USE && starting) this.name = await freeName(this.name);
    else this.webcam.tell({ phase: "away" });
    this.timer = window.setTimeout(() => this.connect(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(2 * this.wait, LONGEST_MS);
  }

  /** Takes a picture whenever one is due and there is room for it. */
  private async pump(): Promise<void> {
    let [count, since] = [0, performance.now()];
    while (!this.ended) {
      await this.pause(Math.max(4, this.due - performance.now()));
      const now = performance.now();
      if (now - since > 1000) {
        this.webcam.tell({ fps: (1000 * count) / (now - since), delayMs: this.link?.delayMs ?? null });
        [count, since] = [0, now];
      }
      if (now < this.due) continue;
      if (!this.link?.hasRoom || !this.video.videoWidth) {
        await this.pause(250);
        continue;
      }
      this.due = Math.max(this.due + PERIOD_MS, now);
      if (await this.send(now)) count += 1;
    }
  }

  private async send(now: number): Promise<boolean> {
    const [width, height] = fitted(this.video.videoWidth, this.video.videoHeight, this.link?.maxPixels ?? 0);
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.canvas.getContext("2d", { alpha: false })?.drawImage(this.video, 0, 0, width, height);
    const blob = await new Promise<Blob | null>((done) => this.canvas.toBlob(done, "image/jpeg", QUALITY));
    const jpeg = await blob?.arrayBuffer();
    const sequence = jpeg && !this.ended ? this.link?.send(jpeg, now) : null;
    if (sequence) await this.webcam.mirror.offer(sequence, this.canvas);
    return Boolean(sequence);
  }

  private pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const end = () => (clearTimeout(timer), (this.wake = null), done());
      const timer = setTimeout(end, ms);
      this.wake = end;
    });
  }
}

/** Why the engine does not open a socket for us; null where it is away, or would. */
async function whyNot(): Promise<Key | null> {
  try {
    const session = await get<Session>("session");
    if (!session.scopes.includes("operate")) return "webcam.readOnly";
    return session.browser_cameras ? null : "webcam.off";
  } catch (error) {
    return error instanceof Problem && (error.status === 401 || error.status === 403) ? "webcam.readOnly" : null;
  }
}

async function freeName(besides = ""): Promise<string> {
  const { sources } = await get<Pick<Status, "sources">>("status").catch(() => ({ sources: [] }));
  const taken = new Set([besides, ...sources.map((source) => source.source_id)]);
  let number = 1;
  while (taken.has(`browser-${number}`)) number += 1;
  return `browser-${number}`;
}

export const webcam = new Webcam();

export function useFeed(): Feed {
  const [feed, setFeed] = useState(webcam.now);
  useEffect(() => {
    setFeed(webcam.now);
    return webcam.listen(setFeed);
  }, []);
  return feed;
}
