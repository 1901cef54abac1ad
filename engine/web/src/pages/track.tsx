/** One person: the emotion over time, its changes, and what was kept, to take along or to erase. */
import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import { Problem, send } from "../api";
import { keepTrying, pause, whileVisible } from "../connection";
import { changesCsv, download, samplesCsv } from "../files";
import { duration, moment, number, percent } from "../format";
import { changes, Growing, Latest, segments, totals } from "../history";
import { Card, Chip, Confirm, Header, Label, ShareBar } from "../parts/basics";
import { Guarded } from "../parts/guarded";
import { Icon } from "../parts/icons";
import { Answer, Failed, Loading, Note } from "../parts/states";
import { Thumbnail } from "../parts/thumbnail";
import { useAnswer } from "../poll";
import { href, setTitle } from "../route";
import { useMayOperate } from "../session";
import { language, t } from "../text";
import type { EngineEvent, Sample, Track } from "../types";
import { Changes } from "./changes";
import { filtersIn } from "./filters";
import { Timeline } from "./timeline";

const EVERY_MS = 3000;
/** Pages of a thousand: samples of a day and more, as there is one a second. */
const MOST_SAMPLES = 100;
const MOST_EVENTS = 50;

interface Past {
  samples: readonly Sample[];
  /** Those in which the emotion changed. */
  events: readonly EngineEvent[];
  cut: boolean;
}

/** Samples and changes, asked for again while the person is in view. */
function usePast(uid: string, active: boolean): [Past | null, Problem | null] {
  const [past, setPast] = useState<Past | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(
    () =>
      whileVisible(() => {
        const ending = new AbortController();
        const timeline = new Growing<Sample>(`tracks/${uid}/timeline`, MOST_SAMPLES);
        const changed = new Latest({ track_uid: uid, type: "emotion_changed" }, MOST_EVENTS);
        void keepTrying("track", ending.signal, async (alive) => {
          try {
            do {
              const samples = await timeline.all(ending.signal);
              const events = await changed.all(ending.signal);
              alive();
              setProblem(null);
              // Most answers bring nothing new, and drawing hours anew takes time.
              setPast((old) => (old?.samples === samples && old.events === events ? old : { samples, events, cut: timeline.cut }));
              if (active) await pause(EVERY_MS, ending.signal);
            } while (active && !ending.signal.aborted);
            ending.abort();
          } catch (error) {
            if (error instanceof Problem) setProblem(error);
            throw error;
          }
        });
        return () => ending.abort();
      }),
    [uid, active],
  );
  return [past, problem];
}

export function TrackPage({ uid, query }: { uid: string; query: URLSearchParams }) {
  const [gone, setGone] = useState<string | null>(null);
  const asked = useAnswer<Track>(`tracks/${encodeURIComponent(uid)}`, {}, gone ? 0 : EVERY_MS);
  const list = href(["tracks"], filtersIn(query));
  if (gone) return <Note icon="trash" title={gone}><Back to={list} /></Note>;
  if (asked.problem && [404, 422].includes(asked.problem.status)) {
    return <Note title={t("track.gone")} how={t("track.goneHow")}><Back to={list} /></Note>;
  }
  return <Answer asked={asked} rows={6}>{(track) => <Person track={track} list={list} onErased={setGone} />}</Answer>;
}

/** To the list as it was: the address of a person keeps its filters. */
function Back({ to }: { to: string }) {
  return <a class="button" href={to}><Icon name="back" />{t("track.back")}</a>;
}

function Person({ track, list, onErased }: { track: Track; list: string; onErased: (said: string) => void }) {
  const [past, problem] = usePast(track.track_uid, track.state === "active");
  const details = useMemo(() => past && <Details past={past} />, [past, language()]);
  const title = t("track.title", { id: track.track_id });
  useEffect(() => setTitle(title), [title]);
  return (
    <>
      <p class="crumb"><a href={list}><Icon name="back" />{t("track.back")}</a></p>
      <Header title={<><Thumbnail track={track} large />{title} <Chip label={track.label} /></>} lead={<bdi>{track.source_id}</bdi>}>
        <Tools track={track} past={past} onErased={onErased} />
      </Header>
      <dl class="facts-row">
        <Fact name={t("tracks.seen")} value={moment(track.first_seen)} />
        <Fact name={t("track.lastSeen")} value={moment(track.last_seen)} />
        <Fact name={t("tracks.duration")} value={duration(track.duration_s)} />
        <Fact name={t("tracks.confidence")} value={percent(track.confidence)} />
        <Fact name={t("tracks.events")} value={number(track.events)} />
        <Fact name={t("tracks.state")} value={t(track.state === "active" ? "tracks.active" : "tracks.ended")} />
      </dl>
      {details ?? (problem ? <Failed problem={problem} again={() => location.reload()} /> : <Loading />)}
    </>
  );
}

export function Fact({ name, value }: { name: string; value: string }) {
  return <div><dt>{name}</dt><dd>{value}</dd></div>;
}

function Details({ past }: { past: Past }) {
  const parts = useMemo(() => segments(past.samples), [past.samples]);
  const list = useMemo(() => changes(past.events), [past.events]);
  if (past.samples.length === 0) return <Note icon="eye" title={t("track.noSamples")} how={t("track.noSamplesHow")} />;
  const sums = totals(parts);
  const all = sums.reduce((sum, [, seconds]) => sum + seconds, 0);
  return (
    <div class="grid">
      {past.cut && <p class="warn" role="note">{t("track.cut", { n: number(past.samples.length) })}</p>}
      <Card wide title={t("track.timeline")}><Timeline samples={past.samples} parts={parts} /></Card>
      <Card title={t("track.totals")}>
        <ShareBar parts={sums.map(([label, seconds]) => [label, seconds / all] as const)} />
        <table class="list plain">
          <thead><tr><th scope="col">{t("tracks.emotion")}</th><th scope="col" class="num">{t("track.time")}</th><th scope="col" class="num">{t("track.share")}</th></tr></thead>
          <tbody>
            {sums.map(([label, seconds]) => (
              <tr key={label}>
                <th scope="row"><Label label={label} /></th>
                <td class="num">{duration(seconds)}</td>
                <td class="num">{percent(seconds / all)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Card>
      <Card title={t("track.changes")}><Changes list={list} /></Card>
    </div>
  );
}

function Tools({ track, past, onErased }: { track: Track; past: Past | null; onErased: (said: string) => void }) {
  const mayOperate = useMayOperate();
  const [asking, setAsking] = useState(false);
  const name = `moodline-${track.source_id}-${track.track_id}-${track.track_uid}`;
  const close = useCallback(() => setAsking(false), []);
  return (
    <>
      <button type="button" disabled={!past} onClick={() => past && download(`${name}-samples.csv`, "text/csv", samplesCsv(past.samples))}>
        <Icon name="down" />{t("track.csvSamples")}
      </button>
      <button type="button" disabled={!past} onClick={() => past && download(`${name}-changes.csv`, "text/csv", changesCsv(changes(past.events)))}>
        <Icon name="down" />{t("track.csvChanges")}
      </button>
      <Everything track={track} past={past} name={name} />
      <Guarded class="danger" why={mayOperate ? null : t("track.needsOperate")} onClick={() => setAsking(true)}>
        <Icon name="trash" />{t("track.erase")}
      </Guarded>
      {asking && <Erase track={track} onClose={close} onErased={onErased} />}
    </>
  );
}

/** All events are asked for only by those who want them: of a long track they are many. */
function Everything({ track, past, name }: { track: Track; past: Past | null; name: string }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState("");
  const go = async ({ samples }: Past) => {
    setBusy(true);
    try {
      const history = new Growing<EngineEvent>(`tracks/${track.track_uid}/history`, MOST_EVENTS);
      const events = await history.all();
      download(`${name}.json`, "application/json", JSON.stringify({ track, timeline: samples, events }, null, 1));
      setSaid(history.cut ? t("track.jsonCut", { n: number(events.length) }) : "");
    } catch (error) {
      setSaid(error instanceof Problem && error.status ? error.message : t("state.offline"));
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" disabled={!past || busy} onClick={() => past && void go(past)}>
        <Icon name="down" />{t("track.json")}
      </button>
      {said && <span class="warn" role="status">{said}</span>}
    </>
  );
}

function Erase({ track, onClose, onErased }: { track: Track; onClose: () => void; onErased: (said: string) => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const go = async () => {
    setBusy(true);
    try {
      const { events, samples } = await send<{ events: number; samples: number }>("DELETE", `tracks/${track.track_uid}`);
      onErased(t("track.erased", { events: number(events), samples: number(samples) }));
    } catch (error) {
      setBusy(false);
      setProblem(error instanceof Problem && error.status ? error.message : t("state.offline"));
    }
  };
  return (
    <Confirm title={t("track.eraseTitle", { id: track.track_id })} lead={t("track.eraseLead")} go={t("track.eraseGo")} busy={busy}
      problem={problem} onGo={() => void go()} onClose={onClose} />
  );
}
