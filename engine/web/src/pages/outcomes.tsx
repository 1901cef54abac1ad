/** What became of frames and of the faces cut out of them: a bar to see it, numbers to read it. */
import { number, percent } from "../format";
import { Card } from "../parts/basics";
import { has, t } from "../text";
import type { Source, Status } from "../types";

const FRAMES = ["inferred", "skipped_interval", "skipped_motion", "dropped_stale", "dropped_queue", "lost", "damaged", "failed"] as const;
const CHIPS = ["classified", "gated", "dropped_queue"] as const;

type Counts = Record<string, number>;

function textOf(kind: "outcome" | "chip", outcome: string): string {
  const key = `${kind}.${outcome}`;
  return has(key) ? t(key) : outcome;
}

/** The known outcomes in their order, then what only this engine knows. */
function inOrder(known: readonly string[], counts: Counts): string[] {
  return [...known, ...Object.keys(counts).filter((one) => !known.includes(one))];
}

function Split({ kind, known, counts, whole }: { kind: "outcome" | "chip"; known: readonly string[]; counts: Counts; whole: number }) {
  const parts = inOrder(known, counts).filter((one) => counts[one]);
  const share = (one: string) => (counts[one] ?? 0) / Math.max(whole, 1);
  return (
    <>
      <div class="share-bar" aria-hidden="true">
        {parts.map((one) => <i key={one} class={`o-${one}`} style={{ width: `${100 * share(one)}%` }} />)}
      </div>
      <ul class="counts">
        {parts.map((one) => (
          <li key={one}>
            <i class={`o-${one}`} />{textOf(kind, one)} <b class="num">{number(counts[one])}</b> <span class="dim num">{percent(share(one), 1)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

export function FrameOutcomes({ sources }: { sources: readonly Source[] }) {
  return (
    <Card wide title={t("engine.frames")} lead={t("engine.framesLead")}>
      <ul class="outcomes">
        {sources.map(({ source_id, frames }) => (
          <li key={source_id}>
            <span><bdi>{source_id}</bdi> <b class="num">{number(frames.captured)}</b></span>
            <Split kind="outcome" known={FRAMES} counts={frames.outcomes} whole={frames.captured} />
          </li>
        ))}
      </ul>
    </Card>
  );
}

export function ChipOutcomes({ chips }: { chips: Status["chips"] }) {
  const whole = Object.values(chips).reduce((sum, count) => sum + count, 0);
  return (
    <Card wide title={t("engine.faces")} lead={t("engine.facesLead")}>
      {whole ? <Split kind="chip" known={CHIPS} counts={chips} whole={whole} /> : <p class="dim">{t("engine.facesNone")}</p>}
    </Card>
  );
}
