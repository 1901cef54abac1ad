/** The settings of one camera as fields: what they hold, what has changed, and what is wrong with them. */
import { useState } from "preact/hooks";
import { Field } from "../parts/basics";
import { t } from "../text";
import type { SourceSettings } from "../types";

/** As typed; `id` only of a camera that is to be added. */
export interface Values {
  id: string;
  uri: string;
  fps: string;
  transport: string;
  open_timeout_s: string;
  read_timeout_s: string;
  stall_after_s: string;
  max_lag_s: string;
  frozen_after_s: string;
  max_pixels: string;
  loop: boolean;
  rotate: string;
  mirror: boolean;
}

export type Errors = Partial<Record<keyof Values | "", string>>;
type Body = Record<string, unknown>;

export const NOTHING: Values = {
  id: "", uri: "", fps: "", transport: "tcp", open_timeout_s: "", read_timeout_s: "", stall_after_s: "", max_lag_s: "", frozen_after_s: "",
  max_pixels: "", loop: false, rotate: "0", mirror: false,
};
/** What the engine shows in place of a password. */
export const HIDDEN = "***";
export const NUMBERS = [
  "fps", "open_timeout_s", "read_timeout_s", "stall_after_s", "max_lag_s", "frozen_after_s", "max_pixels",
] as const;
/** Numbers of which 0 means never. */
export const MAY_BE_ZERO: readonly string[] = ["max_lag_s", "frozen_after_s"];
const RARE = [
  "transport", "open_timeout_s", "read_timeout_s", "stall_after_s", "max_lag_s", "frozen_after_s", "max_pixels", "loop", "rotate",
  "mirror",
] as const;

/** What a camera has now; `uri` as it is shown, without its password. */
export function valuesOf(uri: string, settings: SourceSettings): Values {
  const texts = Object.fromEntries(NUMBERS.map((key) => [key, settings[key] === null ? "" : String(settings[key])]));
  return { ...NOTHING, ...texts, uri, transport: settings.transport, loop: settings.loop, rotate: String(settings.rotate), mirror: settings.mirror };
}

/** The keys that differ, as the engine takes them: a field that was emptied asks for the default. */
export function changes(now: Values, before: Values): Body {
  const found: Body = {};
  for (const key of Object.keys(now) as (keyof Values)[]) {
    const value = typeof now[key] === "string" ? (now[key] as string).trim() : now[key];
    if (value === before[key]) continue;
    found[key] = value === "" ? null : [...NUMBERS, "rotate"].includes(key) ? numeric(value as string) : value;
  }
  return found;
}

/** As a number; what is none stays as it is. */
export function numeric(text: string): number | string {
  const value = Number(text.replace(",", "."));
  return Number.isFinite(value) ? value : text;
}

interface FieldsProps {
  values: Values;
  errors: Errors;
  isNew: boolean;
  /** Whether a part of the address that it has is not shown. */
  hides: boolean;
  onChange: (values: Values) => void;
}

export function CameraFields({ values, errors, isNew, hides, onChange }: FieldsProps) {
  const [open, setOpen] = useState(false);
  const about = (key: keyof Values) => (errors[key] ? { error: errors[key] } : {});
  const props = (key: Exclude<keyof Values, "loop" | "mirror">) => ({
    name: key,
    value: values[key],
    autoComplete: "off",
    "aria-invalid": Boolean(errors[key]),
    onInput: (event: { currentTarget: { value: string } }) => onChange({ ...values, [key]: event.currentTarget.value }),
  });
  const decimal = (key: (typeof NUMBERS)[number], name: string, how: string) => (
    <Field name={name} how={how} {...about(key)}>
      <input inputMode="decimal" maxLength={20} {...props(key)} />
    </Field>
  );
  const tick = (key: "loop" | "mirror", name: string, how: string) => (
    <Field name={name} how={how} kind="tick" {...about(key)}>
      <input type="checkbox" checked={values[key]} aria-invalid={Boolean(errors[key])}
        onChange={(event) => onChange({ ...values, [key]: event.currentTarget.checked })} />
    </Field>
  );
  return (
    <>
      {isNew && (
        <Field name={t("cameras.id")} how={t("cameras.idHow")} {...about("id")}>
          <input required maxLength={64} {...props("id")} />
        </Field>
      )}
      <Field name={t("cameras.uri")} how={t(hides ? "cameras.uriKeep" : "cameras.uriHow")} {...about("uri")}>
        <input required spellcheck={false} autoCapitalize="off" {...props("uri")} />
      </Field>
      {decimal("fps", t("cameras.fps"), t("cameras.fpsHow"))}
      <details open={open || RARE.some((key) => errors[key])} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>{t("cameras.more")}</summary>
        <div class="pairs">
          <Field name={t("cameras.transport")} how={t("cameras.transportHow")} {...about("transport")}>
            <select {...props("transport")}>
              {["tcp", "udp"].map((one) => <option key={one} value={one} selected={one === values.transport}>{one}</option>)}
            </select>
          </Field>
          {decimal("open_timeout_s", t("cameras.openTime"), t("cameras.openTimeHow"))}
          {decimal("read_timeout_s", t("cameras.readTime"), t("cameras.readTimeHow"))}
          {decimal("stall_after_s", t("cameras.stallTime"), t("cameras.stallTimeHow"))}
          {decimal("max_lag_s", t("cameras.lag"), t("cameras.lagHow"))}
          {decimal("frozen_after_s", t("cameras.frozen"), t("cameras.frozenHow"))}
          {decimal("max_pixels", t("cameras.maxPixels"), t("cameras.maxPixelsHow"))}
          <Field name={t("cameras.rotate")} how={t("cameras.rotateHow")} {...about("rotate")}>
            <select {...props("rotate")}>
              {["0", "90", "180", "270"].map((one) => <option key={one} value={one} selected={one === values.rotate}>{one}°</option>)}
            </select>
          </Field>
          {tick("mirror", t("cameras.mirror"), t("cameras.mirrorHow"))}
          {tick("loop", t("cameras.loop"), t("cameras.loopHow"))}
        </div>
      </details>
    </>
  );
}
