/** Everybody who was seen: filters, pages, one line each. */
import { useEffect, useState } from "preact/hooks";
import { get, Problem } from "../api";
import { KNOWN, nameOf } from "../emotions";
import { duration, fromLocal, moment, number, toLocal } from "../format";
import { Field, Header, Label, Select } from "../parts/basics";
import { Answer, Note } from "../parts/states";
import { Thumbnail } from "../parts/thumbnail";
import { useAnswer, useStatus } from "../poll";
import { href, refine } from "../route";
import { t } from "../text";
import type { Page, Track } from "../types";

const LIMIT = 50;
const EVERY_MS = 5000;
const TRIES = 20;
const NAMES = ["source_id", "label", "from", "to", "min_duration_s"] as const;
type Filters = Partial<Record<(typeof NAMES)[number], string>>;

function filtersIn(query: URLSearchParams): Filters {
  const found: Filters = {};
  for (const name of NAMES) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  return found;
}

export function TracksPage({ query }: { query: URLSearchParams }) {
  const filters = filtersIn(query);
  const asked = useAnswer<Page<Track>>("tracks", { ...filters, limit: LIMIT }, EVERY_MS);
  return (
    <>
      <Header title={t("tracks.title")} lead={t("tracks.lead")} />
      <FilterBar filters={filters} />
      <Answer asked={asked} rows={8}>
        {(first) => <Pages first={first} filters={filters} key={JSON.stringify(filters)} />}
      </Answer>
    </>
  );
}

function FilterBar({ filters }: { filters: Filters }) {
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
      <Field name={t("tracks.from")} kind="time">
        <input type="datetime-local" value={toLocal(filters.from)} onChange={(event) => change({ from: fromLocal(event.currentTarget.value) ?? "" })} />
      </Field>
      <Field name={t("tracks.to")} kind="time">
        <input type="datetime-local" value={toLocal(filters.to)} onChange={(event) => change({ to: fromLocal(event.currentTarget.value) ?? "" })} />
      </Field>
      <Field name={t("tracks.minDuration")}>
        <input type="number" min="0" step="1" inputMode="numeric" value={filters.min_duration_s ?? ""}
          onChange={(event) => change({ min_duration_s: event.currentTarget.value })} />
      </Field>
      {Object.keys(filters).length > 0 && (
        <button type="button" onClick={() => refine(["tracks"], {})}>
          {t("tracks.clear")}
        </button>
      )}
    </form>
  );
}

/** The first page as it is now, and the further ones as they were when asked for. */
function Pages({ first, filters }: { first: Page<Track>; filters: Filters }) {
  const [frozen, setFrozen] = useState<Page<Track> | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const page = frozen ?? first;
  const more = async () => {
    try {
      let next: Page<Track> = { items: [], next_cursor: page.next_cursor };
      // A page may be empty before the last: the engine looks at so many rows at a time.
      for (let tries = 0; tries < TRIES && next.items.length === 0 && next.next_cursor; tries++) {
        next = await get<Page<Track>>("tracks", { ...filters, limit: LIMIT, cursor: next.next_cursor });
      }
      setFrozen({ items: [...page.items, ...next.items], next_cursor: next.next_cursor });
      setProblem(null);
    } catch (error) {
      setProblem(error instanceof Problem && error.status ? error.message : t("state.offline"));
    }
  };
  useEffect(() => setFrozen(null), [JSON.stringify(filters)]);
  useEffect(() => {
    if (first.items.length === 0 && first.next_cursor && !frozen) void more();
  }, [first.items.length, first.next_cursor]);
  if (page.items.length === 0) {
    const filtered = Object.keys(filters).length > 0;
    return (
      <Note title={t("tracks.none")} how={t(filtered ? "tracks.noneHow" : "tracks.noneYet")}>
        {page.next_cursor && <button type="button" onClick={() => void more()}>{t("tracks.more")}</button>}
      </Note>
    );
  }
  return (
    <>
      <TrackTable tracks={page.items} />
      <div class="row foot">
        <span class="dim">{t("tracks.count", { n: number(page.items.length) })}</span>
        {problem && <span class="bad" role="alert">{problem}</span>}
        {frozen && <button type="button" onClick={() => setFrozen(null)}>{t("tracks.newer")}</button>}
        {page.next_cursor && <button type="button" onClick={() => void more()}>{t("tracks.more")}</button>}
      </div>
    </>
  );
}

function TrackTable({ tracks }: { tracks: readonly Track[] }) {
  return (
    <table class="list">
      <thead>
        <tr>
          <th scope="col">{t("tracks.person")}</th>
          <th scope="col">{t("tracks.camera")}</th>
          <th scope="col">{t("tracks.emotion")}</th>
          <th scope="col">{t("tracks.seen")}</th>
          <th scope="col" class="num">{t("tracks.duration")}</th>
          <th scope="col" class="num">{t("tracks.events")}</th>
          <th scope="col">{t("tracks.state")}</th>
        </tr>
      </thead>
      <tbody>
        {tracks.map((track) => (
          <tr key={track.track_uid}>
            <th scope="row">
              <Thumbnail track={track} />
              <a class="whole" href={href(["tracks", track.track_uid])}>{t("live.person", { id: track.track_id })}</a>
            </th>
            <td class="name"><bdi>{track.source_id}</bdi></td>
            <td><Label label={track.label} {...(track.label ? { confidence: track.confidence } : {})} /></td>
            <td><time dateTime={track.first_seen}>{moment(track.first_seen)}</time></td>
            <td class="num">{duration(track.duration_s)}</td>
            <td class="num events">{number(track.events)}</td>
            <td><i class={`dot ${track.state === "active" ? "online" : "ended"}`} /> {t(track.state === "active" ? "tracks.active" : "tracks.ended")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

