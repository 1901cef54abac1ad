/** What is wrong with the settings of a camera, in the words of the page: seen before they are sent, or told by the engine. */
import { Problem } from "../api";
import { number } from "../format";
import { type Key, t } from "../text";
import { type Errors, HIDDEN, MAY_BE_ZERO, NOTHING, NUMBERS, numeric, type Values } from "./camera-fields";
import { trouble } from "./cameras";

const NAME = /^[A-Za-z0-9_-]{1,64}$/;
const DAY_S = 86_400;
const MOST: Record<(typeof NUMBERS)[number], number> = {
  fps: Infinity, open_timeout_s: DAY_S, read_timeout_s: DAY_S, stall_after_s: DAY_S,
  max_lag_s: DAY_S, frozen_after_s: DAY_S, max_pixels: 2 ** 31 - 1,
};

/** Without `named` the name does not count, as for a test. */
export function mistakesIn(values: Values, named: boolean): Errors {
  const found: Errors = {};
  const name = values.id.trim();
  if (named && !name) found.id = t("cameras.missing");
  else if (named && !NAME.test(name)) found.id = t("cameras.idBad");
  if (!values.uri.trim()) found.uri = t("cameras.missing");
  for (const key of NUMBERS) {
    const text = values[key].trim();
    const wrong = text && wrongNumber(text, MOST[key], key === "max_pixels", MAY_BE_ZERO.includes(key));
    if (wrong) found[key] = wrong;
  }
  return found;
}

function wrongNumber(text: string, most: number, whole: boolean, zero: boolean): string | null {
  const value = numeric(text);
  if (typeof value === "string") return t("cameras.noNumber");
  if (value < 0 || (value === 0 && !zero)) return t("cameras.tooSmall");
  if (value > most) return t("cameras.tooBig", { most: number(most) });
  return whole && !Number.isInteger(value) ? t("cameras.notWhole") : null;
}

/** A test sends the whole address; what is not shown cannot be sent. */
export function untestable(values: Values): Errors {
  return values.uri.includes(HIDDEN) ? { uri: t("cameras.tryHow") } : {};
}

/** What the engine says, as patterns of its sentences; what they leave open is `{a}`. Any other is shown as it is. */
const SAID: readonly (readonly [RegExp, Key])[] = [
  [/is there already/, "cameras.idTaken"],
  [/should match pattern/, "cameras.idBad"],
  [/^is missing$/, "cameras.missing"],
  [/^begin it with ([^;]+);/, "cameras.begin"],
  [/^\S+ is not allowed here; api\.sources\.schemes has (.+)$/, "cameras.schemeNot"],
  [/^'([^']*)' is no kind of source/, "cameras.noKind"],
  [/^expected scheme:/, "cameras.addressShape"],
  [/^expected (\S+:\S*)$/, "cameras.shape"],
  [/^a port is 1 to 65535/, "cameras.portRange"],
  [/^the host is unknown, or may not be reached/, "cameras.hostNot"],
  [/^no address is known for this name/, "cameras.hostUnknown"],
  [/^no such file in the folder/, "cameras.noFile"],
  [/^\*\*\* stands for credentials/, "cameras.hiddenPart"],
];

function listed(parts: readonly string[]): string {
  const [last, ...before] = [...parts].reverse();
  return before.length ? `${before.reverse().join(", ")} ${t("cameras.or")} ${last}` : (last ?? "");
}

function inWords(message: string): string {
  for (const [pattern, key] of SAID) {
    const found = pattern.exec(message);
    if (found) return t(key, { a: listed((found[1] ?? "").split(" or ")) });
  }
  return message;
}

/** Each mistake at its field; what belongs to none under "". */
export function errorsIn(error: unknown): Errors {
  if (!(error instanceof Problem) || error.errors.length === 0) {
    const message = trouble(error);
    const taken = error instanceof Problem && error.status === 409 && message.includes("is there already");
    return taken ? { id: inWords(message) } : { "": message };
  }
  const found: Errors = {};
  for (const { field, message } of error.errors) {
    const name = field.split(".").at(-1) ?? "";
    const place = name in NOTHING ? (name as keyof Values) : "";
    found[place] = [found[place], place ? inWords(message) : `${field}: ${message}`].filter(Boolean).join(" ");
  }
  return found;
}
