/** One camera on the wall: its picture, and above and below it what is known. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../api";
import { useTrouble } from "../connection";
import { saidOf, sureOf } from "../emotions";
import { duration, number, percent } from "../format";
import { canFill, toggleFull, useFull } from "../live/full";
import type { PreviewHub } from "../live/hub";
import type { Latency, News } from "../live/news";
import { useAge, useScreen, useSeen } from "../live/sight";
import { Icon } from "../parts/icons";
import { causeText, stateText } from "../sources";
import { t } from "../text";
import type { Face, Source } from "../types";
import { facesText } from "./live";

interface TileProps {
  source: Source;
  hub: PreviewHub;
  news: News;
  held: boolean;
  blur: boolean;
  /** Whether the whole wall fills the screen: nothing else can tell of trouble then. */
  filled: boolean;
}

/** A picture older than this is told to be; of slow cameras, than three of their periods. */
const OLD_S = 5;

const delivers = ({ state }: Source): boolean => state === "online" || state === "degraded";
/** Where it gives none, one text over the whole picture tells why, and nothing else is written there. */
const givesPictures = (source: Source): boolean => delivers(source) || source.state === "connecting";
const isDead = ({ state }: Source): boolean => state === "offline" || state === "ended" || state === "paused";

function oldAfter({ fps }: Source): number {
  return fps > 0 ? Math.max(OLD_S, Math.ceil(3 / fps)) : OLD_S;
}

/** While a tile fills the screen its camera alone is asked for, as large as the screen can use. */
function useWide(hub: PreviewHub, id: string, full: boolean): void {
  useEffect(() => {
    if (!full) return undefined;
    hub.only({ id, width: screen.width * devicePixelRatio > 1280 ? 1920 : 1280 });
    return () => hub.only(null);
  }, [hub, id, full]);
}

export function Tile({ source, hub, news, held, blur, filled }: TileProps) {
  const id = source.source_id;
  const box = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const seen = useSeen(box);
  const full = useFull(box);
  const trouble = useTrouble();
  const [paused, setPaused] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const { screen, shown, forget } = useScreen(canvas);
  const still = paused || held;
  const dead = isDead(source);
  const age = useAge(screen, !still && !dead, oldAfter(source));
  useWide(hub, id, full);

  useEffect(() => forget(), [blur]);
  useEffect(() => {
    if (!seen || still || dead) return undefined;
    return hub.watch(
      id,
      (picture) => {
        setProblem(null);
        news.picture(id, picture.latencyMs);
        screen.current?.offer(picture);
      },
      (refused) => setProblem(refused.status ? refused : null),
    );
    // A camera that comes online is asked for anew: the engine may not have known it before.
  }, [hub, id, seen, still, dead, delivers(source)]);
  useEffect(() => {
    if (!problem || still || dead) return undefined;
    const timer = setInterval(() => {
      const { faces, width, height } = news.seen(id, performance.now());
      screen.current?.sketch(faces, width || source.width || 16, height || source.height || 9);
    }, 300);
    return () => clearInterval(timer);
  }, [problem, still, dead, id]);

  const visible = dead ? null : (shown?.faces ?? null);
  const faces = visible?.length ?? source.tracks;
  const away = trouble === "";
  // Otherwise the bar at the top of the page tells.
  const wrong = full || filled ? trouble || (away && t("live.away")) : null;
  return (
    <article class={`tile ${source.state}`} ref={box} aria-label={id}>
      <div class="screen">
        <canvas ref={canvas} role="img" aria-label={described(id, faces, visible ?? [])} />
        {givesPictures(source) ? (
          <Strip lines={[wrong, still && t("live.paused"), problem && t("live.noPicture"), age !== null && t("live.age", { time: duration(age) })]}
            title={problem?.message} waiting={!shown} />
        ) : <Over source={source} wrong={wrong} />}
        <Controls name={id} paused={paused} full={full} onPause={() => setPaused(!paused)} onFull={() => toggleFull(box)} />
      </div>
      <footer>
        <p class="who">
          <i class={`dot ${away ? "away" : source.state}`} />
          <strong title={id}><bdi>{id}</bdi></strong>
        </p>
        <Facts source={source} faces={faces} latency={news.latency(id, performance.now())} away={away} />
      </footer>
    </article>
  );
}

function described(name: string, count: number, faces: readonly Face[]): string {
  const people = faces.map((face) => {
    const sure = sureOf(face);
    return `${face.track_id} ${saidOf(face)}${sure === null ? "" : ` ${percent(sure)}`}`;
  });
  return [t("live.picture", { name, faces: facesText(count) }), ...people].join(", ");
}

function Facts({ source, faces, latency, away }: { source: Source; faces: number; latency: Latency; away: boolean }) {
  // What was measured is told only while it is.
  const live = delivers(source) && !away;
  return (
    <p class="facts">
      <span class={live ? "state fine" : "state"}>{away ? t("live.noAnswer") : stateText(source)}</span>
      {live && <span>{number(source.fps, 1)} {t("unit.fps")}</span>}
      {live && <span title={t(latency.to === "event" ? "live.latency" : "live.latencyPicture")}>{brief(latency.ms)}</span>}
      {!isDead(source) && (
        <span title={t("live.faces")} class="faces">
          <Icon name="tracks" />
          <span aria-hidden="true">{number(faces)}</span>
          <span class="sr">{facesText(faces)}</span>
        </span>
      )}
    </p>
  );
}

/** Milliseconds in few letters. */
function brief(ms: number | null): string {
  return ms !== null && ms >= 1000 ? duration(ms / 1000) : `${number(ms)} ${t("unit.ms")}`;
}

/** Shown while the pointer or the keyboard is here, and always where there is no pointer. */
function Controls({ name, paused, full, onPause, onFull }: {
  name: string;
  paused: boolean;
  full: boolean;
  onPause: () => void;
  onFull: () => void;
}) {
  return (
    <div class="controls">
      <button type="button" class="bare" aria-label={t(paused ? "live.resume" : "live.pause", { name })} aria-pressed={paused} onClick={onPause}>
        <Icon name={paused ? "play" : "pause"} />
      </button>
      {canFill() && (
        <button type="button" class="bare" aria-label={t(full ? "live.leaveFull" : "live.full", { name })} onClick={onFull}>
          <Icon name={full ? "close" : "full"} />
        </button>
      )}
    </div>
  );
}

/** Over the whole picture, where the camera gives none. */
function Over({ source, wrong }: { source: Source; wrong: string | false | null }) {
  const cause = causeText(source);
  return (
    <div class="over">
      <Icon name={source.state === "paused" ? "pause" : "alert"} />
      <b>{stateText(source)}</b>
      {cause && <span title={cause}>{cause}</span>}
      {wrong && <span>{wrong}</span>}
    </div>
  );
}

/** At the foot of a picture that stands still, or is missing: why. */
function Strip({ lines, title, waiting }: { lines: readonly (string | false | null)[]; title: string | undefined; waiting: boolean }) {
  const told = lines.filter((line): line is string => Boolean(line));
  if (told.length > 0) return <div class="over thin" title={title}>{told.map((line) => <b key={line}>{line}</b>)}</div>;
  return waiting ? <div class="over quiet"><b>{t("live.wait")}</b></div> : null;
}
