/** What many people have in common: shares over time, hour by hour, camera against camera. */
import { useMemo } from "preact/hooks";
import { duration } from "../format";
import { Card, Header, Label, Select, ShareBar } from "../parts/basics";
import { Answer, Note } from "../parts/states";
import { useAsked } from "../poll";
import { answerTo, question } from "../question";
import { useSession } from "../session";
import { grouped, labelsIn, type Range, RANGES, share, sharesOverTime, sourcesIn, sum, widthOf } from "../stats";
import { t } from "../text";
import type { Bucket, Stats } from "../types";
import { type Choosing, choicesIn } from "./choices";
import { Comparison } from "./comparison";
import { Heat } from "./heat";
import { ShareChart } from "./shares";

const EVERY_MS = 30_000;

export function InsightsPage({ query }: { query: URLSearchParams }) {
  const session = useSession();
  const choosing = choicesIn(query);
  const asked_ = choosing.chosen.range ?? "hour";
  const range: Range = asked_ in RANGES ? (asked_ as Range) : "hour";
  const asked = useAsked<Stats>(
    `insights ${range}`,
    (signal) => answerTo(question(range, session.bucket_s, Date.now() / 1000), signal),
    EVERY_MS,
  );
  const ranges = (Object.keys(RANGES) as Range[]).map((one) => [one, t(`insights.${one}`)] as const);
  return (
    <>
      <Header title={t("insights.title")}>
        <Select name={t("insights.range")} value={range} options={ranges} onChange={(next) => choosing.choose({ range: next })} />
      </Header>
      <Answer asked={asked} rows={6}>{(stats) => <Findings stats={stats} step={RANGES[range].step} choosing={choosing} />}</Answer>
    </>
  );
}

function Findings({ stats, step, choosing }: { stats: Stats; step: number; choosing: Choosing }) {
  const labels = useMemo(() => labelsIn(stats.items), [stats]);
  if (stats.items.length === 0) return <Note icon="insights" title={t("insights.none")} how={t("insights.noneHow")} />;
  return (
    <div class="grid">
      <Shares stats={stats} step={step} labels={labels} />
      <Heat stats={stats} labels={labels} choosing={choosing} />
      <Comparison stats={stats} labels={labels} choosing={choosing} />
    </div>
  );
}

function Shares({ stats, step, labels }: { stats: Stats; step: number; labels: (string | null)[] }) {
  const sources = sourcesIn(stats.items);
  const bySource = grouped(stats.items, (bucket) => bucket.source_id ?? "");
  const lead = t("insights.shareLead", { step: duration(widthOf(stats, step)) });
  return (
    <Card wide title={t("insights.share")} lead={lead}>
      <p class="legend">{labels.map((label) => <span key={label}><Label label={label} /></span>)}</p>
      <One name={t("insights.inAll")} stats={stats} step={step} buckets={stats.items} labels={labels} height={220} />
      {sources.length > 1 && (
        <div class="small-charts">
          {sources.map((id) => <One key={id} name={id} stats={stats} step={step} buckets={bySource.get(id) ?? []} labels={labels} height={120} />)}
        </div>
      )}
    </Card>
  );
}

function One({ name, stats, step, buckets, labels, height }: {
  name: string;
  stats: Stats;
  step: number;
  buckets: readonly Bucket[];
  labels: (string | null)[];
  height: number;
}) {
  const shares = useMemo(() => sharesOverTime(stats, buckets, labels, step), [stats, buckets, labels, step]);
  const whole = useMemo(() => sum(buckets), [buckets]);
  return (
    <figure>
      <figcaption>
        <b><bdi>{name}</bdi></b>
        <span class="dim">{t("insights.faceTime")} {duration(whole.total)}</span>
      </figcaption>
      <ShareBar parts={labels.map((label) => [label, share(whole, label)] as const)} />
      <ShareChart name={name} shares={shares} height={height} />
    </figure>
  );
}
