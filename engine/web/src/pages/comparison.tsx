/** Two cameras, or two days, side by side. */
import { colourOf, nameOf } from "../emotions";
import { day, duration, number, percent } from "../format";
import { Card, Label as LabelText, Select } from "../parts/basics";
import { useStatus } from "../poll";
import { dayOf, daysIn, type Label, share, sourcesIn, type Sum, sum } from "../stats";
import { t } from "../text";
import type { Stats } from "../types";
import type { Choosing } from "./choices";

const STATUS_MS = 10_000;

/** One camera or all (""), on one day or on all. */
interface Side {
  camera: string;
  day: string;
}

/** Two cameras where there are two, those with faces first; else the last two days; null where there is nothing to compare. */
function defaults(cameras: readonly string[], days: readonly string[]): readonly [Side, Side] | null {
  const [one = "", other] = cameras;
  if (other !== undefined) return [{ camera: one, day: "" }, { camera: other, day: "" }];
  if (days.length < 2) return null;
  return [{ camera: "", day: days.at(-2) as string }, { camera: "", day: days.at(-1) as string }];
}

/** What the address says, "all" for all, as far as it is there to choose. */
function chosenOf(value: string | undefined, known: readonly string[], otherwise: string): string {
  if (value === "all") return "";
  return value !== undefined && known.includes(value) ? value : otherwise;
}

function dayTitle(date: string): string {
  return day(`${date}T12:00`);
}

export function Comparison({ stats, labels, choosing: { chosen, choose } }: { stats: Stats; labels: Label[]; choosing: Choosing }) {
  const status = useStatus(STATUS_MS);
  const seen = sourcesIn(stats.items).filter(Boolean);
  const cameras = [...new Set([...seen, ...(status.data?.sources ?? []).map((source) => source.source_id)])];
  const days = daysIn(stats);
  const start = defaults(cameras, days);
  const lead = `${t("insights.compareLead")} ${days.length > 1 ? "" : t("insights.compareDays")}`;
  if (!start) return <Card wide title={t("insights.compare")} lead={lead}><p class="dim">{t("insights.compareOne")}</p></Card>;
  const a: Side = { camera: chosenOf(chosen.first, cameras, start[0].camera), day: chosenOf(chosen.first_day, days, start[0].day) };
  const b: Side = { camera: chosenOf(chosen.second, cameras, start[1].camera), day: chosenOf(chosen.second_day, days, start[1].day) };
  const cameraOptions = [["all", t("insights.inAll")] as const, ...[...cameras].sort().map((id) => [id, id] as const)];
  const dayOptions = [["all", t("insights.allDays")] as const, ...days.map((date) => [date, dayTitle(date)] as const)];
  const tools = (
    <div class="sides">
      <Select name={t("insights.compareA")} value={a.camera || "all"} options={cameraOptions} onChange={(first) => choose({ first })} />
      {days.length > 1 && <Select name={t("insights.compareADay")} value={a.day || "all"} options={dayOptions} onChange={(date) => choose({ first_day: date })} />}
      <Select name={t("insights.compareB")} value={b.camera || "all"} options={cameraOptions} onChange={(second) => choose({ second })} />
      {days.length > 1 && <Select name={t("insights.compareBDay")} value={b.day || "all"} options={dayOptions} onChange={(date) => choose({ second_day: date })} />}
    </div>
  );
  return <Card wide title={t("insights.compare")} lead={lead} tools={tools}><Table stats={stats} labels={labels} sides={[a, b]} /></Card>;
}

function Table({ stats, labels, sides }: { stats: Stats; labels: Label[]; sides: readonly [Side, Side] }) {
  const sums = sides.map((side) =>
    sum(stats.items.filter((one) => (!side.camera || one.source_id === side.camera) && (!side.day || dayOf(one) === side.day))),
  ) as [Sum, Sum];
  return (
    <table class="list plain compare">
      <thead>
        <tr>
          <th scope="col">{t("tracks.emotion")}</th>
          {sides.map((side, place) => <Head key={place} side={side} seconds={sums[place as 0 | 1].total} />)}
          <th scope="col" class="num">{t("insights.difference")}</th>
        </tr>
      </thead>
      <tbody>{labels.map((label) => <Line key={label} label={label} sums={sums} />)}</tbody>
    </table>
  );
}

function Head({ side, seconds }: { side: Side; seconds: number }) {
  const name = side.camera || t("insights.inAll");
  return (
    <th scope="col" title={name}>
      <bdi>{name}</bdi>
      <span class="dim">{side.day && `${dayTitle(side.day)} · `}{seconds ? duration(seconds) : t("insights.nothing")}</span>
    </th>
  );
}

function Line({ label, sums }: { label: Label; sums: readonly [Sum, Sum] }) {
  const shares = sums.map((one) => (one.total ? share(one, label) : null)) as [number | null, number | null];
  return (
    <tr>
      <th scope="row"><LabelText label={label} /></th>
      {shares.map((part, place) => (
        <td key={place}>
          <span class="measure" title={`${nameOf(label)} ${percent(part, 1)}`}>
            <span class="meter"><i style={{ width: `${100 * (part ?? 0)}%`, background: colourOf(label) }} /></span>
            <span class="num">{percent(part)}</span>
          </span>
        </td>
      ))}
      <td class="num">{difference(...shares)}</td>
    </tr>
  );
}

/** In points; nothing where one of both had nobody. */
function difference(before: number | null, after: number | null): string {
  if (before === null || after === null) return number(null);
  const points = Math.round(100 * (after - before));
  return t("insights.points", { n: (points > 0 ? "+" : points < 0 ? "−" : "±") + number(Math.abs(points)) });
}
