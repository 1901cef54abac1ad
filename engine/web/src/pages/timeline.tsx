/** A person's emotion over time: segments of labels, stacked probabilities, confidence; one cursor and one zoom for all. */
import { useCallback, useMemo, useState } from "preact/hooks";
import type uPlot from "uplot";
import { GAP_S } from "../band";
import { colourOf, nameOf } from "../emotions";
import { clock, duration } from "../format";
import { labelsOf, type Segment } from "../history";
import { Label } from "../parts/basics";
import { asPercent, axes, Chart, stacked, stackedSeries } from "../parts/chart";
import { Icon, type IconName } from "../parts/icons";
import { type Key, t } from "../text";
import type { Sample } from "../types";
import { Confidence } from "./confidence";

/** From and to, in seconds since 1970. */
export type Span = readonly [number, number];

const CLOSEST_S = 10;

/** What is drawn at `x`, in seconds; null in a gap. */
interface Point {
  x: number;
  sample: Sample | null;
}

/** A sample stands for its second, so each stretch ends a second after its last; then nothing, as nobody was seen. */
function pointsOf(samples: readonly Sample[]): Point[] {
  return samples.flatMap((sample, place) => {
    const x = Date.parse(sample.at) / 1000;
    const next = samples[place + 1];
    if (next && Date.parse(next.at) / 1000 - x <= GAP_S) return [{ x, sample }];
    return [{ x, sample }, { x: x + 1, sample }, ...(next ? [{ x: x + 1.5, sample: null }] : [])];
  });
}

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
  const [at, setAt] = useState<number | null>(null);
  const [view, setView] = useState<Span | null>(null);
  const points = useMemo(() => pointsOf(samples), [samples]);
  const shares = useMemo(
    () => stacked(points.map((one) => one.x), labels.map((label) => points.map(({ sample }) => sample && (sample.scores[label] ?? 0)))),
    [points, labels],
  );
  const [first, last] = [points[0]?.x ?? 0, points.at(-1)?.x ?? 1];
  const whole = useMemo<Span>(() => [first, last], [first, last]);
  const span = view ?? whole;
  const follow = useCallback((plot: uPlot) => setAt(plot.cursor.idx ?? null), []);
  const select = useCallback((plot: uPlot) => {
    const { left, width } = plot.select;
    if (width < 1) return;
    plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    const [from, to] = [plot.posToVal(left, "x"), plot.posToVal(left + width, "x")];
    setView(moved([from, to], [plot.data[0][0] as number, plot.data[0].at(-1) as number], 1, 0));
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
        <Legend labels={labels} point={(at === null ? null : points[at]?.sample) ?? null} />
        <Zoom span={span} whole={whole} onChange={setView} />
      </div>
      <Segments parts={parts} from={span[0]} to={span[1]} />
      <Chart name={t("track.timelineLabel")} height={230} data={shares} options={options} range={span} />
      <Confidence samples={samples} span={span} cursor={cursor} />
    </div>
  );
}

const ZOOMS: readonly (readonly [Key, IconName, number, number])[] = [
  ["track.earlier", "back", 1, -0.5],
  ["track.later", "next", 1, 0.5],
  ["track.closer", "plus", 0.5, 0],
  ["track.farther", "minus", 2, 0],
];

/** With the mouse one draws over a part; these do for keys, fingers and those who do not see the chart. */
function Zoom({ span, whole, onChange }: { span: Span; whole: Span; onChange: (span: Span | null) => void }) {
  const all = span[0] === whole[0] && span[1] === whole[1];
  const closest = span[1] - span[0] <= CLOSEST_S;
  const useless = { "track.earlier": all || span[0] <= whole[0], "track.later": all || span[1] >= whole[1], "track.closer": closest, "track.farther": all };
  return (
    <div class="zoom" role="group" aria-label={t("track.zoom")} title={t("track.zoomHow")}>
      <span class="dim" role="status">{clock(span[0] * 1000)} – {clock(span[1] * 1000)}</span>
      {ZOOMS.map(([name, icon, factor, by]) => (
        <button type="button" class="bare" key={name} aria-label={t(name)} title={t(name)} aria-disabled={useless[name as keyof typeof useless]}
          onClick={() => useless[name as keyof typeof useless] || onChange(moved(span, whole, factor, by))}>
          <Icon name={icon} />
        </button>
      ))}
    </div>
  );
}

function Legend({ labels, point }: { labels: readonly string[]; point: Sample | null }) {
  return (
    <p class="legend">
      {labels.map((label) => (
        <span key={label}>
          <Label label={label} {...(point ? { confidence: point.scores[label] ?? 0 } : {})} />
        </span>
      ))}
      <time class="dim">{point ? clock(point.at) : ""}</time>
    </p>
  );
}

/** The labels that were told, as a strip above the chart. */
function Segments({ parts, from, to }: { parts: readonly Segment[]; from: number; to: number }) {
  const whole = Math.max(to - from, 1);
  const seen = parts.filter((part) => part.to > from && part.from < to);
  const text = seen.map((part) => `${nameOf(part.label)} ${duration(part.to - part.from)}`).join(", ");
  return (
    <div class="segments" role="img" aria-label={text}>
      {seen.map((part) => (
        <i
          key={part.from}
          title={`${nameOf(part.label)} · ${clock(part.from * 1000)} · ${duration(part.to - part.from)}`}
          style={{
            left: `${(100 * (Math.max(part.from, from) - from)) / whole}%`,
            width: `${Math.max(0.3, (100 * (Math.min(part.to, to) - Math.max(part.from, from))) / whole)}%`,
            background: colourOf(part.label),
          }}
        />
      ))}
    </div>
  );
}

