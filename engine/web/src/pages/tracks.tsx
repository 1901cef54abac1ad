/** Everybody who was seen: filters, pages, one line each. */
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { get, Problem } from "../api";
import { duration, moment, number } from "../format";
import { Header, Label } from "../parts/basics";
import { Answer, Note } from "../parts/states";
import { Thumbnail } from "../parts/thumbnail";
import { useAnswer } from "../poll";
import { href } from "../route";
import { t } from "../text";
import type { Page, Track } from "../types";
import { Export } from "./export";
import { type Filters, FilterBar, filtersIn, mistakesIn, withoutMistakes } from "./filters";

const LIMIT = 50;
const EVERY_MS = 5000;
const TRIES = 20;
export function TracksPage({ query }: { query: URLSearchParams }) {
  const written = filtersIn(query);
  const mistakes = mistakesIn(written);
  const wrong = Object.keys(mistakes).length > 0;
  // A mistake is said where it was made; the list stays as it was before.
  const [right, setRight] = useState(() => withoutMistakes(written, mistakes));
  const filters = wrong ? right : written;
  useLayoutEffect(() => {
    if (!wrong) setRight(written);
  }, [JSON.stringify(written)]);
  const asked = useAnswer<Page<Track>>("tracks", { ...filters, limit: LIMIT }, EVERY_MS);
  const some = asked.data !== null && (asked.data.items.length > 0 || asked.data.next_cursor !== null);
  return (
    <>
      <Header title={t("tracks.title")} lead={t("tracks.lead")}>{some && <Export filters={filters} key={JSON.stringify(filters)} />}</Header>
      <FilterBar filters={written} mistakes={mistakes} />
      {wrong && <p class="warn hint">{t("tracks.kept")}</p>}
      <Answer asked={asked} rows={8}>
        {(first) => <Pages first={first} filters={filters} key={JSON.stringify(filters)} />}
      </Answer>
    </>
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
      <TrackTable tracks={page.items} filters={filters} />
      <div class="row foot">
        <span class="dim">{t("tracks.count", { n: number(page.items.length) })}</span>
        {problem && <span class="bad" role="alert">{problem}</span>}
        {frozen && <button type="button" onClick={() => setFrozen(null)}>{t("tracks.newer")}</button>}
        {page.next_cursor && <button type="button" onClick={() => void more()}>{t("tracks.more")}</button>}
      </div>
    </>
  );
}

function TrackTable({ tracks, filters }: { tracks: readonly Track[]; filters: Filters }) {
  return (
    <table class="list tracks">
      <thead>
        <tr>
          <th scope="col">{t("tracks.person")}</th>
          <th scope="col">{t("tracks.camera")}</th>
          <th scope="col">{t("tracks.emotion")}</th>
          <th scope="col">{t("tracks.seen")}</th>
          <th scope="col" class="num">{t("tracks.duration")}</th>
          <th scope="col" class="num events">{t("tracks.events")}</th>
          <th scope="col">{t("tracks.state")}</th>
        </tr>
      </thead>
      <tbody>
        {tracks.map((track) => (
          <tr key={track.track_uid}>
            <th scope="row">
              <Thumbnail track={track} />
              <a class="whole" href={href(["tracks", track.track_uid], filters)}>{t("live.person", { id: track.track_id })}</a>
            </th>
            <td class="name"><bdi>{track.source_id}</bdi></td>
            <td><Label label={track.label} {...(track.label ? { confidence: track.confidence } : {})} /></td>
            <td class="time"><time dateTime={track.first_seen}>{moment(track.first_seen)}</time></td>
            <td class="num">{duration(track.duration_s)}</td>
            <td class="num events">{number(track.events)}</td>
            <td class="state"><i class={`dot ${track.state === "active" ? "online" : "ended"}`} /> {t(track.state === "active" ? "tracks.active" : "tracks.ended")}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

