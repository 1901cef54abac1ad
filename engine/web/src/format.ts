/** Numbers and times as people read them, in the language chosen and the time zone of the browser. */
import { locale, t } from "./text";

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

export function duration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return DASH;
  if (seconds < 60) return `${number(seconds, seconds < 10 ? 1 : 0)} ${t("unit.s")}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} ${t("unit.min")} ${Math.floor(seconds % 60)} ${t("unit.s")}`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} ${t("unit.h")} ${minutes % 60} ${t("unit.min")}`;
  return `${Math.floor(hours / 24)} ${t("unit.d")} ${hours % 24} ${t("unit.h")}`;
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
