/** What many people have in common: shares over time, hour by hour, camera against camera. */
import { useMemo } from "preact/hooks";
import { duration } from "../format";
import { Card, Header, Label, Select, ShareBar } from "../parts/basics";
import { Answer, Note } from "../parts/states";
import { useAnswer } from "../poll";
import { refine } from "../route";
import { useSession } from "../session";
import { grouped, labelsIn, type Range, RANGES, share, sharesOverTime, sourcesIn, sum } from "../stats";
import { t } from "../text";
import type { Bucket, Session, Stats } from "../types";
import { Comparison } from "./comparison";
import { Heat } from "./heat";
import { ShareChart } from "./shares";

const EVERY_MS = 30_000;

/** What to ask for. The end moves on with the clock, by steps, so that answers can be compared. */
function question(range: Range, session: Session, now: number): Record<string, string | number> {
  const { seconds, bucket } = RANGES[range];
  const step = session.bucket_s ?? bucket;
  const end = (Math.floor(now / 1000 / step) + 1) * step;
  return {
    from: new Date((end - Math.max(seconds, step)) * 1000).toISOString(),
    to: new Date(end * 1000).toISOString(),
    bucket_s: step,
  };
}

export function InsightsPage({ query }: { query: URLSearchParams }) {
  const session = useSession();
  const asked_ = query.get("range") ?? "hour";
  const range: Range = asked_ in RANGES ? (asked_ as Range) : "hour";
  const minute = Math.floor(Date.now() / 60_000);
  const params = useMemo(() => question(range, session, minute * 60_000), [range, session, minute]);
  const asked = useAnswer<Stats>("stats/emotions", params, EVERY_MS);
  const ranges = (Object.keys(RANGES) as Range[]).map((one) => [one, t(`insights.${one}`)] as const);
  return (
    <>
      <Header title={t("insights.title")}>
        <Select name={t("insights.range")} value={range} options={ranges} onChange={(next) => refine(["insights"], { range: next })} />
      </Header>
      <Answer asked={asked} rows={6}>{(stats) => <Findings stats={stats} />}</Answer>
    </>
  );
}

function Findings({ stats }: { stats: Stats }) {
  const labels = useMemo(() => labelsIn(stats.items), [stats]);
  if (stats.items.length === 0) return <Note icon="insights" title={t("insights.none")} how={t("insights.noneHow")} />;
  return (
    <div class="grid">
      <Shares stats={stats} labels={labels} />
      <Heat stats={stats} labels={labels} />
      <Comparison stats={stats} labels={labels} />
    </div>
  );
}

function Shares({ stats, labels }: { stats: Stats; labels: (string | null)[] }) {
  const sources = sourcesIn(stats.items);
  const bySource = grouped(stats.items, (bucket) => bucket.source_id ?? "");
  const lead = t("insights.shareLead", { step: duration(stats.bucket_s) });
  return (
    <Card wide title={t("insights.share")} lead={lead}>
      <p class="legend">{labels.map((label) => <span key={label}><Label label={label} /></span>)}</p>
      <One name={t("insights.inAll")} stats={stats} buckets={stats.items} labels={labels} height={220} />
      {sources.length > 1 && (
        <div class="small-charts">
          {sources.map((id) => <One key={id} name={id} stats={stats} buckets={bySource.get(id) ?? []} labels={labels} height={120} />)}
        </div>
      )}
    </Card>
  );
}

function One({ name, stats, buckets, labels, height }: {
  name: string;
  stats: Stats;
  buckets: readonly Bucket[];
  labels: (string | null)[];
  height: number;
}) {
  const shares = useMemo(() => sharesOverTime(stats, buckets, labels), [stats, buckets, labels]);
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
