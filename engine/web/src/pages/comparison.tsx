/** Two cameras or two days side by side. */
import { useState } from "preact/hooks";
import { colourOf, nameOf } from "../emotions";
import { day, duration, number, percent } from "../format";
import { Card, Label as LabelText, Select } from "../parts/basics";
import { dayOf, grouped, type Label, share, type Sum, sum } from "../stats";
import { t } from "../text";
import type { Bucket, Stats } from "../types";

/** What can be compared: `camera:door`, `day:2026-11-22`, and everything. */
function groupsOf(stats: Stats): Map<string, Bucket[]> {
  const groups = new Map<string, Bucket[]>([["all", stats.items]]);
  for (const [id, buckets] of grouped(stats.items, (bucket) => bucket.source_id ?? "")) groups.set(`camera:${id}`, buckets);
  for (const [date, buckets] of grouped(stats.items, dayOf)) groups.set(`day:${date}`, buckets);
  return groups;
}

function title(key: string): string {
  if (key === "all") return t("insights.inAll");
  return key.startsWith("day:") ? day(`${key.slice(4)}T12:00`) : key.slice(7);
}

export function Comparison({ stats, labels }: { stats: Stats; labels: Label[] }) {
  const groups = groupsOf(stats);
  const keys = [...groups.keys()];
  const [first, setFirst] = useState("");
  const [second, setSecond] = useState("");
  const a = groups.has(first) ? first : (keys[1] ?? "all");
  const b = groups.has(second) ? second : (keys[2] ?? "all");
  const sums = [sum(groups.get(a) ?? []), sum(groups.get(b) ?? [])] as const;
  const options = keys.map((key) => [key, title(key)] as const);
  const tools = (
    <>
      <Select name={t("insights.compareA")} value={a} options={options} onChange={setFirst} />
      <Select name={t("insights.compareB")} value={b} options={options} onChange={setSecond} />
    </>
  );
  return (
    <Card wide title={t("insights.compare")} lead={t("insights.compareLead")} tools={tools}>
      <table class="list plain compare">
        <thead>
          <tr>
            <th scope="col">{t("tracks.emotion")}</th>
            <th scope="col"><bdi>{title(a)}</bdi> <span class="dim">{duration(sums[0].total)}</span></th>
            <th scope="col"><bdi>{title(b)}</bdi> <span class="dim">{duration(sums[1].total)}</span></th>
            <th scope="col" class="num">{t("insights.difference")}</th>
          </tr>
        </thead>
        <tbody>{labels.map((label) => <Line key={label} label={label} sums={sums} />)}</tbody>
      </table>
    </Card>
  );
}

function Line({ label, sums }: { label: Label; sums: readonly [Sum, Sum] }) {
  const shares = sums.map((one) => share(one, label)) as [number, number];
  const points = Math.round(100 * (shares[1] - shares[0]));
  return (
    <tr>
      <th scope="row"><LabelText label={label} /></th>
      {shares.map((part, place) => (
        <td key={place}>
          <span class="meter" title={`${nameOf(label)} ${percent(part, 1)}`}>
            <i style={{ width: `${100 * part}%`, background: colourOf(label) }} />
          </span>
          <span class="num">{percent(part)}</span>
        </td>
      ))}
      <td class="num">{t("insights.points", { n: (points > 0 ? "+" : points < 0 ? "−" : "±") + number(Math.abs(points)) })}</td>
    </tr>
  );
}
