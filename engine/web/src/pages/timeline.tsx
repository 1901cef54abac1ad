/** A person's emotion over time: segments of labels, stacked probabilities, confidence; one cursor and one zoom for all. */
import { useCallback, useMemo, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { averages, type Point, runsIn } from "../averages";
import { colourOf, nameOf } from "../emotions";
import { clockWithin, duration, percent } from "../format";
import { labelsOf, merged, type Segment, totals } from "../history";
import { Label } from "../parts/basics";
import { asPercent, axes, Chart, stacked, stackedSeries } from "../parts/chart";
import { Icon, type IconName } from "../parts/icons";
import { type Key, t } from "../text";
import type { Sample } from "../types";
import { Confidence } from "./confidence";

/** From and to, in seconds since 1970. */
export type Span = readonly [number, number];

const CLOSEST_S = 10;

/** So many places are drawn at most: more than eyes can tell apart. */
const COLUMNS = 600;

/** `span` made smaller or larger by `factor` around its middle and moved by `by` of itself, within `whole`; null for all. */
export function moved(span: Span, whole: Span, factor: number, by: number): Span | null {
  const wide = Math.max((span[1] - span[0]) * factor, CLOSEST_S);
  if (wide >= whole[1] - whole[0]) return null;
  const middle = (span[0] + span[1]) / 2 + by * wide;
  const from = Math.min(Math.max(middle - wide / 2, whole[0]), whole[1] - wide);
  return [from, from + wide];
}

export function Timeline({ samples, parts }: { samples: readonly Sample[]; parts: readonly Segment[] }) {
  const labels = useMemo(() => labelsOf(samples), [samples]);
  const times = useMemo(() => samples.map((one) => Date.parse(one.at) / 1000), [samples]);
  const runs = useMemo(() => runsIn(times), [times]);
  const [at, setAt] = useState<number | null>(null);
  const [view, setView] = useState<Span | null>(null);
  const [first, last] = [times[0] ?? 0, (times.at(-1) ?? 0) + 1];
  const whole = useMemo<Span>(() => [first, last], [first, last]);
  const latest = useRef(whole);
  latest.current = whole;
  const span = view ?? whole;
  const points = useMemo(() => averages(samples, times, runs, span, COLUMNS), [samples, times, runs, span[0], span[1]]);
  const shares = useMemo(
    () => stacked(points.map((one) => one.x), labels.map((label) => points.map(({ scores }) => scores && (scores[label] ?? 0)))),
    [points, labels],
  );
  const said = clockWithin(first * 1000, last * 1000);
  const follow = useCallback((plot: uPlot) => setAt(plot.cursor.idx ?? null), []);
  const select = useCallback((plot: uPlot) => {
    const { left, width } = plot.select;
    if (width < 1) return;
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    setView(moved([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")], latest.current, 1, 0));
  }, []);
  const cursor = useMemo<uPlot.Cursor>(
    () => ({
      sync: { key: "track" }, points: { show: false }, drag: { x: true, y: false, setScale: false, dist: 5 },
      bind: { dblclick: () => () => (setView(null), null) },
    }),
    [],
  );
  const options = useCallback(
    (css: (name: string) => string): Partial<uPlot.Options> => ({
      series: stackedSeries(labels, false),
      axes: axes(css, asPercent),
      scales: { y: { range: [0, 1] } },
      cursor,
      hooks: { setCursor: [follow], setSelect: [select] },
    }),
    [labels.join(), follow, select, cursor],
  );
  return (
    <div class="timeline">
      <div class="row">
        <Legend labels={labels} point={(at === null ? null : points[at]) ?? null} said={said} />
        <Zoom span={span} whole={whole} said={said} onChange={setView} />
      </div>
      <Segments parts={parts} from={span[0]} to={span[1]} said={said} />
      <Chart name={t("track.timelineLabel")} height={230} data={shares} options={options} range={span} />
      <Confidence samples={samples} span={span} cursor={cursor} said={said} />
    </div>
  );
}

/** Writes a time in milliseconds, with the day where there are several. */
export type Said = (at: number) => string;

const ZOOMS: readonly (readonly [Key, IconName, number, number])[] = [
  ["track.earlier", "back", 1, -0.5],
  ["track.later", "next", 1, 0.5],
  ["track.closer", "plus", 0.5, 0],
  ["track.farther", "minus", 2, 0],
];

/** With the mouse one draws over a part; these do for keys, fingers and those who do not see the chart. */
function Zoom({ span, whole, said, onChange }: { span: Span; whole: Span; said: Said; onChange: (span: Span | null) => void }) {
  const all = span[0] === whole[0] && span[1] === whole[1];
  const closest = span[1] - span[0] <= CLOSEST_S;
  const useless = { "track.earlier": all || span[0] <= whole[0], "track.later": all || span[1] >= whole[1], "track.closer": closest, "track.farther": all };
  return (
    <div class="zoom" role="group" aria-label={t("track.zoom")} title={t("track.zoomHow")}>
      <span class="dim" role="status">{said(span[0] * 1000)} – {said(span[1] * 1000)}</span>
      <span class="steps">
        {ZOOMS.map(([name, icon, factor, by]) => (
          <button type="button" class="bare" key={name} aria-label={t(name)} title={t(name)} aria-disabled={useless[name as keyof typeof useless]}
            onClick={() => useless[name as keyof typeof useless] || onChange(moved(span, whole, factor, by))}>
            <Icon name={icon} />
          </button>
        ))}
      </span>
    </div>
  );
}

function Legend({ labels, point, said }: { labels: readonly string[]; point: Point | null; said: Said }) {
  const scores = point?.scores;
  return (
    <p class="legend">
      {labels.map((label) => (
        <span key={label}>
          <Label label={label} {...(scores ? { confidence: scores[label] ?? 0 } : {})} />
        </span>
      ))}
      <time class="dim">{point && scores ? said(point.x * 1000) : ""}</time>
    </p>
  );
}

/** The labels that were told, as a strip above the chart. */
function Segments({ parts, from, to, said }: { parts: readonly Segment[]; from: number; to: number; said: Said }) {
  const whole = Math.max(to - from, 1);
  const seen = useMemo(() => merged(parts, from, to, whole / COLUMNS), [parts, from, to]);
  const sums = totals(seen);
  const all = sums.reduce((sum, [, seconds]) => sum + seconds, 0);
  const shares = sums.map(([label, seconds]) => `${nameOf(label)} ${percent(seconds / all)}`).join(", ");
  return (
    <div class="segments" role="img" aria-label={t("track.segments", { shares })}>
      {seen.map((part) => (
        <i
          key={part.from}
          title={`${part.mixed ? t("track.mostly", { label: nameOf(part.label) }) : nameOf(part.label)} · ${said(part.from * 1000)} · ${duration(part.to - part.from)}`}
          style={{
            left: `${(100 * (Math.max(part.from, from) - from)) / whole}%`,
            width: `${Math.max(0.15, (100 * (Math.min(part.to, to) - Math.max(part.from, from))) / whole)}%`,
            background: colourOf(part.label),
          }}
        />
      ))}
    </div>
  );
}
