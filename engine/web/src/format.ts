/** Numbers and times as people read them, in the language chosen and the time zone of the browser. */
import { type Key, locale, t } from "./text";

const DASH = "–";

export function number(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
}

export function percent(value: number | null | undefined, digits = 0): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return DASH;
  const format = { style: "percent", maximumFractionDigits: digits, minimumFractionDigits: digits } as const;
  return new Intl.NumberFormat(locale(), format).format(value);
}

export function clock(moment: string | number | Date): string {
  return new Date(moment).toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

export function day(moment: string | number | Date): string {
  return new Date(moment).toLocaleDateString(locale(), { weekday: "short", day: "numeric", month: "short" });
}

/** The clock alone for today, with the day before it otherwise. */
export function moment(at: string | number | Date): string {
  const then = new Date(at);
  return then.toDateString() === new Date().toDateString() ? clock(then) : `${day(then)} ${clock(then)}`;
}

/** How to write times between two moments: the clock alone where all are of one day, else with the day, and a place to break between. */
export function clockWithin(from: string | number, to: string | number): (at: string | number) => string {
  const oneDay = new Date(from).toDateString() === new Date(to).toDateString();
  return (at) => (oneDay ? clock(at) : `${day(at).replaceAll(" ", "\u00a0")} ${clock(at)}`);
}

/** The two largest units; a second one that is zero is left out. */
export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  if (seconds < 60) return `${number(seconds, seconds < 10 ? 1 : 0)} ${t("unit.s")}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return units(minutes, "unit.min", Math.floor(seconds % 60), "unit.s");
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return units(hours, "unit.h", minutes % 60, "unit.min");
  return units(Math.floor(hours / 24), "unit.d", hours % 24, "unit.h");
}

function units(many: number, large: Key, few: number, small: Key): string {
  return `${many} ${t(large)}${few ? ` ${few} ${t(small)}` : ""}`;
}

/** What `<input type="datetime-local">` holds, from and to an RFC 3339 time. */
export function toLocal(at: string | undefined): string {
  if (!at || Number.isNaN(Date.parse(at))) return "";
  const then = new Date(at);
  return new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function fromLocal(text: string): string | undefined {
  const then = new Date(text);
  return text && !Number.isNaN(then.getTime()) ? then.toISOString() : undefined;
}
