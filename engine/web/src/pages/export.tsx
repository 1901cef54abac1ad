/** The filtered list as a file: page after page, with a way to stop. */
import { useEffect, useRef, useState } from "preact/hooks";
import { get, Problem } from "../api";
import { download, tracksCsv } from "../files";
import { number } from "../format";
import { Icon } from "../parts/icons";
import { t } from "../text";
import type { Page, Track } from "../types";
import type { Filters } from "./filters";

const LIMIT = 1000;
/** So many are in a file at most: a browser holds them all at once. */
export const MOST = 20_000;

type Kind = "csv" | "json";

/** The newest tracks that fit, and whether there are more. A page may be empty before the last. */
async function collect(filters: Filters, signal: AbortSignal, tell: (count: number) => void): Promise<[Track[], boolean]> {
  const found: Track[] = [];
  let cursor: string | null = null;
  do {
    const page: Page<Track> = await get<Page<Track>>("tracks", { ...filters, limit: Math.min(LIMIT, MOST - found.length), cursor }, signal);
    found.push(...page.items);
    cursor = page.next_cursor;
    tell(found.length);
  } while (cursor !== null && found.length < MOST);
  return [found, cursor !== null];
}

function hand(kind: Kind, tracks: readonly Track[], filters: Filters): void {
  const name = `moodline-tracks-${new Date().toISOString().slice(0, 19)}`;
  if (kind === "csv") download(`${name}.csv`, "text/csv", tracksCsv(tracks));
  else download(`${name}.json`, "application/json", JSON.stringify({ filters, tracks }, null, 1));
}

export function Export({ filters }: { filters: Filters }) {
  const [going, setGoing] = useState<{ ending: AbortController; count: number } | null>(null);
  const [said, setSaid] = useState<{ text: string; bad: boolean } | null>(null);
  const running = useRef<AbortController | null>(null);
  useEffect(() => () => running.current?.abort(), []);
  const go = async (kind: Kind) => {
    const ending = new AbortController();
    running.current = ending;
    setSaid(null);
    setGoing({ ending, count: 0 });
    try {
      const [tracks, cut] = await collect(filters, ending.signal, (count) => setGoing({ ending, count }));
      hand(kind, tracks, filters);
      setSaid({ text: t(cut ? "tracks.exportCut" : "tracks.exported", { n: number(tracks.length) }), bad: cut });
    } catch (error) {
      if (!ending.signal.aborted) setSaid({ text: error instanceof Problem && error.status ? error.message : t("state.offline"), bad: true });
    }
    if (running.current === ending) setGoing(null);
  };
  return (
    <>
      {(["csv", "json"] as const).map((kind) => (
        <button type="button" key={kind} disabled={going !== null} onClick={() => void go(kind)}>
          <Icon name="down" />{t(`tracks.${kind}`)}
        </button>
      ))}
      {going && <button type="button" onClick={() => going.ending.abort()}>{t("tracks.stop")}</button>}
      <span class={said?.bad ? "warn" : "dim"} role="status">{going ? t("tracks.exporting", { n: number(going.count) }) : (said?.text ?? "")}</span>
    </>
  );
}
