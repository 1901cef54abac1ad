/** Order and colours of emotions: the same everywhere. Okabe and Ito's palette, which colour-blind people can tell apart. */
import { has, type Key, t } from "./text";
import type { EngineEvent, Reason } from "./types";

const COLOURS: Record<string, string> = {
  neutral: "#98a2ae",
  happiness: "#f0d442",
  surprise: "#56b4e9",
  sadness: "#2f7fc1",
  anger: "#d55e00",
  disgust: "#009e73",
  fear: "#cc79a7",
  contempt: "#e69f00",
};
const ORDER = Object.keys(COLOURS);
const OTHERS = ["#7a86ff", "#b39b7d", "#5fc9c0", "#b8c26a"];
const UNCLEAR = "#5a6572";

/** Of a label that no list knows (another model's), always the same one. */
export function colourOf(label: string | null): string {
  if (label === null) return UNCLEAR;
  const known = COLOURS[label];
  if (known) return known;
  let sum = 0;
  for (const letter of label) sum += letter.codePointAt(0) ?? 0;
  return OTHERS[sum % OTHERS.length] as string;
}

/** Black or white: what can be read on the colour. */
export function inkOn(colour: string): string {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255) as [number, number, number];
  const light = [r, g, b].map((c) => (c <= 0.04 ? c / 12.9 : ((c + 0.055) / 1.055) ** 2.4)) as [number, number, number];
  return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2] > 0.19 ? "#0b0e13" : "#ffffff";
}

export function nameOf(label: string | null): string {
  if (label === null) return t("emotion.unclear");
  const key = `emotion.${label}`;
  return has(key) ? t(key) : label;
}

interface Shown {
  label: string | null;
  reason?: Reason | null;
  gated?: readonly string[];
}

/** What is said of a face: its label, or why it cannot be read. */
export function saidOf({ label, reason, gated = [] }: Shown): string {
  if (label !== null || (reason !== "unreadable" && reason !== "unseen")) return nameOf(label);
  const words = gated.map((gate) => (has(`gate.${gate}`) ? t(`gate.${gate}` as Key) : gate));
  const why = reason === "unseen" ? t("gate.hidden") : words.join(", ");
  return why ? t("emotion.unreadable", { why }) : t("emotion.unread");
}

/** What an event says of its track's face by now. */
export function shownBy(event: EngineEvent): Shown {
  const { after, gated = [] } = event;
  if (after) return { label: after.label, reason: after.reason ?? null, gated };
  return { label: null, reason: gated.length > 0 ? "unreadable" : null, gated };
}

/**
 * How sure a face's label is, where it leads; null where another emotion does by now and this one is only still held
 * (a label changes when another has led for a while): its number would contradict the bar.
 */
export function sureOf(face: { label: string | null; confidence: number | null; scores?: Record<string, number> | null }): number | null {
  if (face.label === null || face.confidence === null) return null;
  const best = Math.max(0, ...Object.values(face.scores ?? {}));
  return face.confidence >= best - 1e-6 ? face.confidence : null;
}

/** Labels in the order in which they are drawn: the known ones first, "unclear" last. */
export function inOrder(labels: Iterable<string | null>): (string | null)[] {
  const place = (label: string | null): number => {
    if (label === null) return 1000;
    const at = ORDER.indexOf(label);
    return at < 0 ? 100 : at;
  };
  return [...new Set(labels)].sort((a, b) => place(a) - place(b) || String(a).localeCompare(String(b)));
}

export const KNOWN: readonly string[] = ORDER;
