/** What is written in a model card, by the names that people have for it. */
import { nameOf } from "../emotions";
import { number, percent } from "../format";
import { has, t } from "../text";

/** The leaves of nested values, each with the keys that lead to it, in their order. */
export function leaves(tree: unknown, path: readonly string[] = []): [string[], unknown][] {
  if (tree === null || tree === undefined) return [];
  if (Array.isArray(tree) || typeof tree !== "object") return [[[...path], tree]];
  return Object.entries(tree).flatMap(([key, value]) => leaves(value, [...path, key]));
}

const SHARES = ["accuracy", "accuracy_interval", "without_leaked", "macro_f1", "ap", "ap_24+", "precision", "recall", "f1", "agreement"];

/** Values of keys that are shares as percent; all others as they are. */
export function shown(value: unknown, key = ""): string {
  if (Array.isArray(value)) {
    const texts = value.map((one) => shown(one, key));
    return value.length === 2 && typeof value[0] === "number" ? texts.join(" – ") : texts.join(", ");
  }
  if (typeof value === "object" && value !== null) return Object.values(value).map((one) => shown(one)).join(" ");
  if (typeof value !== "number") return String(value);
  if (SHARES.includes(key) && value >= 0 && value <= 1) return percent(value, 1);
  if (Number.isInteger(value)) return number(value);
  return Math.abs(value) < 0.001 ? value.toExponential(1) : number(value, Math.abs(value) < 10 ? 3 : 1);
}

/** The key that says what a value is: of `recall.0.1` that is the recall. */
export function quantity(path: readonly string[]): string {
  return [...path].reverse().find((key) => !/^[\d.]+$/.test(key)) ?? "";
}

/** One key in words; its own letters where it has none. `of` says in which part of the card it stands. */
export function wordFor(key: string, of: "metric" | "data"): string {
  for (const name of [`${of}.${key}`, `metric.${key}`]) if (has(name)) return t(name);
  return nameOf(key);
}

/** Keys that only hold others together say nothing to a reader. */
const HOLDERS = ["views", "sets"];

export function wordsFor(path: readonly string[], of: "metric" | "data"): string {
  return path.filter((key) => !HOLDERS.includes(key)).map((key) => wordFor(key, of)).join(" · ");
}

/** What tells most. */
const TELLING = ["accuracy", "macro_f1", "calibration_error", "ap", "landmark_error"];
/** Of several sets and sizes: all sets together, at the size the engine looks at. */
const USUAL = ["all sets", "640"];

export interface Highlight {
  name: string;
  value: string;
  /** Where it was measured. */
  where: string;
  /** What the number means, in one sentence. */
  how: string;
}

/** The first few numbers that tell most. */
export function highlights(lines: readonly [string[], unknown][]): Highlight[] {
  const usual = (path: readonly string[]): number => USUAL.filter((part) => path.includes(part)).length;
  return TELLING.flatMap((name) => {
    const [found] = lines.filter(([path]) => path.at(-1) === name).sort(([one], [other]) => usual(other) - usual(one));
    if (!found) return [];
    const how = `metricHow.${name}`;
    return [{ name: wordFor(name, "metric"), value: shown(found[1], name), where: wordsFor(found[0].slice(0, -1), "metric"), how: has(how) ? t(how) : "" }];
  }).slice(0, 3);
}
