/** How sure the model was of what it told: the median as a line, most samples as a band around it. */
import { useCallback, useMemo, useState } from "preact/hooks";
import type uPlot from "uplot";
import { bandOf, FEW, OUTER, type Spread, stretches, summary } from "../band";
import { number, percent } from "../format";
import { asPercent, axes, Chart } from "../parts/chart";
import { t } from "../text";
import type { Sample } from "../types";
import type { Said, Span } from "./timeline";

/** So many places are drawn at most for one stretch: more than eyes can tell apart. */
const COLUMNS = 240;
const PARTS = 12;

interface Hovered {
  place: number;
  left: number;
}

export function Confidence({ samples, span, cursor, said }: { samples: readonly Sample[]; span: Span; cursor: uPlot.Cursor; said: Said }) {
  const [from, to] = span;
  const runs = useMemo(() => stretches(samples), [samples]);
  const band = useMemo(() => bandOf(runs, from, to, COLUMNS), [runs, from, to]);
  const data = useMemo(
    () => [band.points.map((one) => one.at), ...(["high", "low", "middle"] as const).map((key) => band.points.map((one) => one[key]))] as uPlot.AlignedData,
    [band],
  );
  const [hovered, setHovered] = useState<Hovered | null>(null);
  const follow = useCallback((plot: uPlot) => {
    const { idx, left } = plot.cursor;
    setHovered(idx === null || idx === undefined || !(left && left >= 0) ? null : { place: idx, left: left + plot.over.offsetLeft });
  }, []);
  const options = useCallback(
    (css: (name: string) => string): Partial<uPlot.Options> => {
      const [xAxis, yAxis] = axes(css, asPercent) as [uPlot.Axis, uPlot.Axis];
      const edge: uPlot.Series = { stroke: `${css("--accent")}70`, width: 0.75, points: { show: false } };
      return {
        series: [{}, edge, edge, { stroke: css("--accent"), width: 1.5, points: { show: false } }],
        bands: [{ series: [1, 2], fill: `${css("--accent")}40` }],
        padding: [8, 26, 8, 0],
        axes: [{ ...xAxis, show: false }, { ...yAxis, space: 24 }],
        scales: { y: { range: [0, 1] } },
        cursor,
        hooks: { setCursor: [follow] },
      };
    },
    [follow, cursor],
  );
  const point = hovered === null ? undefined : band.points[hovered.place];
  const told = useMemo(() => summary(runs, from, to, PARTS), [runs, from, to]);
  return (
    <>
      <h3>{t("track.confidence")}</h3>
      <p class="legend keys">
        <span class="label"><i class="key-line" />{t("track.median")}</span>
        <span class="label"><i class="key-band" />{bandText(band.spanS)}</span>
      </p>
      <div class="confidence">
        <Chart name={`${t("track.confidenceLabel", { band: bandText(band.spanS) })} ${told.all ? inAll(told.all) : t("track.noConfidence")}`}
          height={96} data={data} options={options} range={span} />
        {hovered && point && point.count > 0 && <Tip left={hovered.left} text={spreadText(point as Spread, band.spanS)} at={said(point.at * 1000)} />}
      </div>
      <Numbers parts={told.parts} said={said} />
    </>
  );
}

/** A whole number of seconds, minutes or hours, as steps are. */
function spanText(seconds: number): string {
  if (seconds < 60) return `${number(seconds)} ${t("unit.s")}`;
  return seconds < 3600 ? `${number(seconds / 60)} ${t("unit.min")}` : `${number(seconds / 3600)} ${t("unit.h")}`;
}

function bandText(spanS: number): string {
  return t("track.band", { time: spanText(spanS) });
}

function inAll(all: Spread): string {
  return t("track.bandInAll", { n: number(all.count), middle: percent(all.middle), low: percent(all.low), high: percent(all.high) });
}

function spreadText(point: Spread, spanS: number): string {
  const middle = percent(point.middle);
  if (point.count === 1) return t("track.bandOne", { middle });
  return t(point.count < FEW ? "track.bandFew" : "track.bandAt", { middle, n: number(point.count), time: spanText(spanS), low: percent(point.low), high: percent(point.high) });
}

function Tip({ left, at, text }: { left: number; at: string; text: string }) {
  return (
    <p class="tip" aria-hidden="true" style={{ "--at": `${left}px` }}>
      <time>{at}</time> {text}
    </p>
  );
}

/** The same as numbers, for those who cannot see the chart. */
function Numbers({ parts, said }: { parts: readonly Spread[]; said: Said }) {
  if (parts.length === 0) return null;
  const heads = [t("track.at"), t("track.median"), t("track.bandLow", { share: percent(OUTER) }), t("track.bandHigh", { share: percent(1 - OUTER) }), t("track.bandSamples")];
  return (
    <div class="sr">
      <table>
        <caption>{t("track.confidence")}</caption>
        <thead><tr>{heads.map((head) => <th scope="col" key={head}>{head}</th>)}</tr></thead>
        <tbody>
          {parts.map((part) => (
            <tr key={part.at}>
              <th scope="row">{said(part.at * 1000)}</th>
              <td>{percent(part.middle)}</td><td>{percent(part.low)}</td><td>{percent(part.high)}</td><td>{number(part.count)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

