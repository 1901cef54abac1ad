/** A person's emotion over time: segments of labels, stacked probabilities, confidence; one cursor through all. */
import { useCallback, useMemo, useState } from "preact/hooks";
import type uPlot from "uplot";
import { colourOf, nameOf } from "../emotions";
import { clock, duration } from "../format";
import { labelsOf, type Segment } from "../history";
import { Label } from "../parts/basics";
import { asPercent, axes, Chart, stacked, stackedSeries } from "../parts/chart";
import { t } from "../text";
import type { Sample } from "../types";

const GAP_S = 3;

/** Times in seconds with an empty place in each gap, so that nothing is drawn where nobody was seen. */
function withGaps(samples: readonly Sample[]): (Sample | { at: string; gap: true })[] {
  return samples.flatMap((sample, place) => {
    const before = samples[place - 1];
    const from = before ? Date.parse(before.at) : Number.NaN;
    if (!(Date.parse(sample.at) - from > GAP_S * 1000)) return [sample];
    return [{ at: new Date(from + 1000).toISOString(), gap: true } as const, sample];
  });
}

export function Timeline({ samples, parts }: { samples: readonly Sample[]; parts: readonly Segment[] }) {
  const labels = useMemo(() => labelsOf(samples), [samples]);
  const [at, setAt] = useState<number | null>(null);
  const points = useMemo(() => withGaps(samples), [samples]);
  const xs = useMemo(() => points.map((one) => Date.parse(one.at) / 1000), [points]);
  const shares = useMemo(
    () => stacked(xs, labels.map((label) => points.map((one) => ("gap" in one ? null : (one.scores[label] ?? 0))))),
    [xs, points, labels],
  );
  const sure = useMemo(
    () => [xs, points.map((one) => ("gap" in one || one.label === null ? null : one.confidence))] as uPlot.AlignedData,
    [xs, points],
  );
  const follow = useCallback((plot: uPlot) => setAt(plot.cursor.idx ?? null), []);
  const options = useCallback(
    (css: (name: string) => string): Partial<uPlot.Options> => ({
      series: stackedSeries(labels, false),
      axes: axes(css, asPercent),
      scales: { y: { range: [0, 1] } },
      cursor: { sync: { key: "track" }, points: { show: false }, drag: { x: false, y: false } },
      hooks: { setCursor: [follow] },
    }),
    [labels.join(), follow],
  );
  const confidence = useCallback((css: (name: string) => string): Partial<uPlot.Options> => {
    const [xAxis, yAxis] = axes(css, asPercent) as [uPlot.Axis, uPlot.Axis];
    return {
      series: [{}, { stroke: css("--accent"), fill: `${css("--accent")}2e`, width: 1.5, points: { show: false } }],
      padding: [8, 26, 8, 0],
      axes: [{ ...xAxis, show: false }, { ...yAxis, space: 24 }],
      scales: { y: { range: [0, 1] } },
      cursor: { sync: { key: "track" }, points: { show: false }, drag: { x: false, y: false } },
    };
  }, []);
  const point = at === null ? undefined : points[at];
  return (
    <div class="timeline">
      <Legend labels={labels} point={point && !("gap" in point) ? point : null} />
      <Segments parts={parts} from={xs[0] ?? 0} to={xs.at(-1) ?? 1} />
      <Chart name={t("track.timelineLabel")} height={230} data={shares} options={options} />
      <h3>{t("track.confidence")}</h3>
      <Chart name={t("track.confidence")} height={80} data={sure} options={confidence} />
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
  const text = parts.map((part) => `${nameOf(part.label)} ${duration(part.to - part.from)}`).join(", ");
  return (
    <div class="segments" role="img" aria-label={text}>
      {parts.map((part) => (
        <i
          key={part.from}
          title={`${nameOf(part.label)} · ${clock(part.from * 1000)} · ${duration(part.to - part.from)}`}
          style={{
            left: `${(100 * (part.from - from)) / whole}%`,
            width: `${Math.max(0.3, (100 * (Math.min(part.to, to) - part.from)) / whole)}%`,
            background: colourOf(part.label),
          }}
        />
      ))}
    </div>
  );
}

