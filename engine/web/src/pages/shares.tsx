/** Shares of emotions over time as a stacked chart. */
import { useCallback, useMemo } from "preact/hooks";
import type uPlot from "uplot";
import { asPercent, axes, Chart, stacked, stackedSeries } from "../parts/chart";
import type { Shares } from "../stats";
import { t } from "../text";

export function ShareChart({ name, shares, height }: { name: string; shares: Shares; height: number }) {
  const data = useMemo(() => stacked(shares.times, shares.rows), [shares]);
  const options = useCallback(
    (css: (name: string) => string): Partial<uPlot.Options> => ({
      series: stackedSeries(shares.labels, true),
      axes: axes(css, asPercent),
      scales: { y: { range: [0, 1] } },
      cursor: { points: { show: false }, drag: { x: false, y: false } },
    }),
    [shares.labels.join()],
  );
  return <Chart name={t("insights.chart", { name })} height={height} data={data} options={options} range={shares.span} />;
}
