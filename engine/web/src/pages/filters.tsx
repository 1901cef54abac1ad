/** Which tracks are listed: the filters, as they stand in the address, and what is wrong with them. */
import { useState } from "preact/hooks";
import { KNOWN, nameOf } from "../emotions";
import { fromLocal, toLocal } from "../format";
import { Field, Select } from "../parts/basics";
import { useStatus } from "../poll";
import { refine } from "../route";
import { type Key, t } from "../text";

const NAMES = ["source_id", "label", "from", "to", "min_duration_s"] as const;
const LONGEST_S = 1e9;

export type Filters = Partial<Record<(typeof NAMES)[number], string>>;
export type Mistakes = Partial<Record<(typeof NAMES)[number], Key>>;

export function filtersIn(query: URLSearchParams): Filters {
  const found: Filters = {};
  for (const name of NAMES) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  return found;
}

function isMoment(text: string): boolean {
  return /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text));
}

function isDuration(text: string): boolean {
  return /^(\d+\.?\d*|\.\d+)([eE]-?\d+)?$/.test(text) && Number(text) <= LONGEST_S;
}

/** What the engine would refuse, said where it was written. */
export function mistakesIn({ from, to, min_duration_s: least }: Filters): Mistakes {
  const found: Mistakes = {};
  if (from !== undefined && !isMoment(from)) found.from = "tracks.badTime";
  if (to !== undefined && !isMoment(to)) found.to = "tracks.badTime";
  else if (from !== undefined && to !== undefined && Date.parse(from) > Date.parse(to)) found.to = "tracks.badOrder";
  if (least !== undefined && !isDuration(least)) found.min_duration_s = "tracks.badDuration";
  return found;
}

/** `filters` without those that are wrong. */
export function withoutMistakes(filters: Filters, mistakes: Mistakes): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([name]) => !(name in mistakes)));
}

export function FilterBar({ filters, mistakes }: { filters: Filters; mistakes: Mistakes }) {
  const status = useStatus(10_000);
  const change = (part: Filters) => refine(["tracks"], { ...filters, ...part });
  const ids = new Set((status.data?.sources ?? []).map((source) => source.source_id));
  if (filters.source_id) ids.add(filters.source_id);
  const cameras = [["", t("tracks.allCameras")] as const, ...[...ids].sort().map((id) => [id, id] as const)];
  const labels = [["", t("emotion.any")] as const, ...KNOWN.map((label) => [label, nameOf(label)] as const)];
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <Select name={t("tracks.camera")} value={filters.source_id ?? ""} options={cameras} onChange={(id) => change({ source_id: id })} />
      <Select name={t("tracks.emotion")} value={filters.label ?? ""} options={labels} onChange={(label) => change({ label })} />
      {(["from", "to"] as const).map((name) => (
        <Field name={t(`tracks.${name}`)} kind="time" key={name} {...errorOf(mistakes[name])}>
          <Written type="datetime-local" value={toLocal(filters[name])} wrong={name in mistakes}
            onDone={(text) => change({ [name]: fromLocal(text) ?? "" })} />
        </Field>
      ))}
      <Field name={t("tracks.minDuration")} {...errorOf(mistakes.min_duration_s)}>
        <Written type="number" value={filters.min_duration_s ?? ""} wrong={"min_duration_s" in mistakes}
          onDone={(text) => change({ min_duration_s: text })} />
      </Field>
      {Object.keys(filters).length > 0 && (
        <button type="button" onClick={() => refine(["tracks"], {})}>
          {t("tracks.clear")}
        </button>
      )}
      <p class="sr" role="status">{Object.values(mistakes).map((key) => t(key)).join(". ")}</p>
    </form>
  );
}

/** A field that keeps what is being written until it is done, though the page is drawn anew meanwhile. */
function Written({ type, value, wrong, onDone }: { type: "number" | "datetime-local"; value: string; wrong: boolean; onDone: (text: string) => void }) {
  const [draft, setDraft] = useState<string | null>(null);
  const done = (text: string) => {
    setDraft(null);
    onDone(text);
  };
  return (
    <input type={type} value={draft ?? value} aria-invalid={wrong} {...(type === "number" ? { min: "0", step: "any" } : {})}
      onInput={(event) => setDraft(event.currentTarget.value)} onChange={(event) => done(event.currentTarget.value)} />
  );
}

function errorOf(mistake: Key | undefined): { error?: string } {
  return mistake ? { error: t(mistake) } : {};
}
