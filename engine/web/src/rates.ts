/** Items per second of each stage: differences between answers of the status, kept for a minute. */
import type { Status } from "./types";

const KEEP_S = 60;

export const STAGES = ["captured", "inferred", "chips", "classified", "events"] as const;
export type Stage = (typeof STAGES)[number];

interface Look {
  run: string;
  at: number;
  counts: Record<Stage, number>;
}

function look(status: Status): Look {
  const of = (name: string) => status.sources.reduce((sum, source) => sum + (source.frames.outcomes[name] ?? 0), 0);
  const all = (counts: Record<string, number>) => Object.values(counts).reduce((sum, count) => sum + count, 0);
  return {
    run: status.run_id,
    at: status.uptime_s,
    counts: {
      captured: status.sources.reduce((sum, source) => sum + source.frames.captured, 0),
      inferred: of("inferred"),
      chips: all(status.chips),
      classified: status.chips.classified ?? 0,
      events: all(status.events),
    },
  };
}

class Rates {
  private looks: Look[] = [];

  add(status: Status): void {
    const next = look(status);
    const last = this.looks.at(-1);
    // Another run counts from zero.
    if (last && (last.run !== next.run || next.at < last.at)) this.looks = [];
    if (last?.run === next.run && last.at === next.at) return;
    this.looks = [...this.looks, next].filter((one) => next.at - one.at <= KEEP_S);
  }

  /** The rates between one answer and the next, oldest first. */
  line(stage: Stage): number[] {
    return this.looks.slice(1).map((now, place) => {
      const before = this.looks[place] as Look;
      return Math.max(0, now.counts[stage] - before.counts[stage]) / Math.max(now.at - before.at, 0.001);
    });
  }

  /** Over all that is kept; null before the second answer. */
  mean(stage: Stage): number | null {
    const [first, last] = [this.looks[0], this.looks.at(-1)];
    if (!first || !last || first === last) return null;
    return Math.max(0, last.counts[stage] - first.counts[stage]) / (last.at - first.at);
  }
}

/** Of the engine that this page looks at; they outlast the page that shows them. */
export const rates = new Rates();
