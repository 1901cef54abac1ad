/** One emotion hour by hour: a line for each camera or day, a cell for each hour. */
import { colourOf, inOrder, nameOf } from "../emotions";
import { day, duration, percent } from "../format";
import { Card, Select } from "../parts/basics";
import { dayOf, grouped, hourOf, type Label, share, sum } from "../stats";
import { t } from "../text";
import type { Bucket, Stats } from "../types";
import type { Choosing } from "./choices";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);

export function Heat({ stats, labels, choosing: { chosen, choose } }: { stats: Stats; labels: Label[]; choosing: Choosing }) {
  // What was chosen stays so, though nobody shows it at the moment.
  const known = inOrder([...labels, ...(chosen.emotion ? [chosen.emotion] : [])]).filter((label): label is string => label !== null);
  const wanted = chosen.emotion ?? "happiness";
  const label = known.includes(wanted) ? wanted : (known[0] ?? "");
  const rows = chosen.rows === "day" ? "day" : "camera";
  const groups = grouped(stats.items, rows === "day" ? dayOf : (bucket) => bucket.source_id ?? "");
  const names = [...groups.keys()].sort();
  const tools = (
    <>
      <Select name={t("tracks.emotion")} value={label} options={known.map((one) => [one, nameOf(one)] as const)} onChange={(emotion) => choose({ emotion })} />
      <Select name={t("insights.heatRows")} value={rows} onChange={(next) => choose({ rows: next })}
        options={[["camera", t("insights.byCamera")], ["day", t("insights.byDay")]]} />
    </>
  );
  return (
    <Card wide title={t("insights.heat")} lead={t("insights.heatLead")} tools={tools}>
      <div class="heat" role="table" aria-label={t("insights.heat")} tabIndex={0}>
        <div role="row" class="heat-row head">
          <span role="columnheader" class="heat-name"><span class="sr">{t("insights.heatRows")}</span></span>
          {HOURS.map((hour) => <span role="columnheader" key={hour}>{hour % 3 === 0 ? hour : ""}<span class="sr">{hour % 3 ? hour : ""}</span></span>)}
        </div>
        {names.map((name) => <Row key={name} name={rows === "day" ? day(`${name}T12:00`) : name} buckets={groups.get(name) ?? []} label={label} />)}
      </div>
    </Card>
  );
}

function Row({ name, buckets, label }: { name: string; buckets: readonly Bucket[]; label: string }) {
  const byHour = grouped(buckets, hourOf);
  return (
    <div role="row" class="heat-row">
      <span role="rowheader" class="heat-name"><bdi>{name}</bdi></span>
      {HOURS.map((hour) => {
        const here = byHour.get(hour);
        if (!here) return <span role="cell" class="cell none" key={hour}><span class="sr">{t("insights.nothing")}</span></span>;
        const whole = sum(here);
        const part = share(whole, label);
        const text = t("insights.heatCell", { row: name, hour: `${hour}:00`, share: percent(part), time: duration(whole.total) });
        return (
          <span role="cell" class="cell" key={hour} title={text}>
            <i style={{ background: colourOf(label), opacity: 0.08 + 0.92 * part }} />
            <span class="sr">{percent(part)}</span>
          </span>
        );
      })}
    </div>
  );
}
