/** uPlot in a component: it follows the size of its place and the colours of the theme. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { colourOf } from "../emotions";
import { number, percent } from "../format";
import { locale } from "../text";
import { useTheme } from "../theme";

export interface ChartProps {
  name: string;
  height: number;
  data: uPlot.AlignedData;
  /** Called anew for each theme; `css` reads a custom property. */
  options: (css: (name: string) => string) => Partial<uPlot.Options>;
  /** From where to where the x axis goes; without it as far as the data. */
  range?: readonly [number, number];
}

export function Chart({ name, height, data, options, range }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useTheme();
  const wanted = useRef(range);
  wanted.current = range;
  useEffect(() => {
    const here = place.current;
    if (!here) return undefined;
    const style = getComputedStyle(document.documentElement);
    const made = options((property) => style.getPropertyValue(property).trim());
    const size = { width: Math.max(here.clientWidth, 80), height };
    const scales = wanted.current ? { ...made.scales, x: { range: () => [...(wanted.current ?? [0, 1])] as [number, number] } } : made.scales;
    const drawn = new uPlot({ legend: { show: false }, series: [], padding: [8, 26, 0, 0], ...made, ...(scales ? { scales } : {}), ...size }, data, here);
    plot.current = drawn;
    const watcher = new ResizeObserver(() => {
      const width = here.clientWidth;
      if (width > 0 && width !== drawn.width) drawn.setSize({ width, height });
    });
    watcher.observe(here);
    return () => {
      watcher.disconnect();
      drawn.destroy();
      plot.current = null;
    };
  }, [theme, height, options]);
  useEffect(() => plot.current?.setData(data), [data, range?.[0], range?.[1]]);
  return <div class="chart" role="img" aria-label={name} ref={place} />;
}

/** Between the marks of times, in seconds: samples come once a second, so nothing is finer. */
const STEPS_S = [1, 5, 10, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800, 2_592_000];

/** Axes in the colours of the theme; `y` formats the left one. */
export function axes(css: (name: string) => string, y: (value: number) => string): uPlot.Axis[] {
  const font = "11px system-ui, sans-serif";
  const line = { stroke: css("--line"), width: 1 };
  return [
    { stroke: css("--dim"), grid: { show: false }, ticks: { ...line, size: 4 }, font, size: 28, space: 70, incrs: STEPS_S, values: times },
    {
      stroke: css("--dim"), grid: line, ticks: { show: false }, font, size: 44, space: 34,
      values: (_plot, values) => values.map((value) => y(value)),
    },
  ];
}

function times(_plot: uPlot, splits: number[], _axis: number, _space: number, step: number): string[] {
  const day: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };
  const time: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
  if (step < 60) time.second = "2-digit";
  return splits.map((at) => {
    const then = new Date(at * 1000);
    const midnight = then.getHours() === 0 && then.getMinutes() === 0 && then.getSeconds() === 0;
    return then.toLocaleString(locale(), midnight || step >= 86_400 ? day : time);
  });
}

/** Columns of shares (rows: labels) as uPlot stacks them: each the sum of itself and those below. `null` where there is nothing. */
export function stacked(xs: number[], rows: (number | null)[][]): uPlot.AlignedData {
  const sums: (number | null)[][] = [];
  rows.forEach((row, place) => {
    const below = sums[place - 1];
    sums.push(row.map((value, at) => (value === null ? null : value + (below?.[at] ?? 0))));
  });
  // Drawn from the tallest to the lowest: each covers what is not its own.
  return [xs, ...sums.reverse()] as uPlot.AlignedData;
}

export function stackedSeries(labels: readonly (string | null)[], stepped: boolean): uPlot.Series[] {
  const paths = stepped ? uPlot.paths.stepped?.({ align: 1 }) : uPlot.paths.linear?.();
  const one = (label: string | null): uPlot.Series => ({
    stroke: colourOf(label),
    fill: colourOf(label),
    width: 0,
    points: { show: false },
    ...(paths ? { paths } : {}),
  });
  return [{}, ...[...labels].reverse().map(one)];
}

export const asPercent = (value: number): string => percent(value);
export const asNumber = (value: number): string => number(value, Number.isInteger(value) ? 0 : 1);
