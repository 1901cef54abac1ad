/** One camera on the wall: its picture, and above and below it what is known. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../api";
import { nameOf } from "../emotions";
import { number, percent } from "../format";
import type { PreviewHub } from "../live/hub";
import type { News } from "../live/news";
import { Screen, type Shown } from "../live/screen";
import { Icon } from "../parts/icons";
import { causeText, stateText } from "../sources";
import { t } from "../text";
import type { Source } from "../types";
import { facesText } from "./live";

interface TileProps {
  source: Source;
  hub: PreviewHub;
  news: News;
  held: boolean;
  blur: boolean;
}

const TELL_MS = 500;

/** True while some of the element can be seen. */
function useSeen(box: { current: HTMLElement | null }): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!box.current) return undefined;
    const watcher = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  return seen;
}

/** A screen on the canvas, as large as its place. What it shows is told at most twice a second. */
function useScreen(canvas: { current: HTMLCanvasElement | null }): [{ current: Screen | null }, Shown | null, () => void] {
  const screen = useRef<Screen | null>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  useEffect(() => {
    const here = canvas.current;
    if (!here) return undefined;
    let told = -Infinity;
    const made = new Screen(here, (now) => {
      if (performance.now() - told < TELL_MS) return;
      told = performance.now();
      setShown(now);
    });
    screen.current = made;
    const watcher = new ResizeObserver(() => made.resize(here.clientWidth, here.clientHeight));
    watcher.observe(here);
    return () => {
      watcher.disconnect();
      made.close();
    };
  }, []);
  const forget = () => {
    screen.current?.clear();
    setShown(null);
  };
  return [screen, shown, forget];
}

export function Tile({ source, hub, news, held, blur }: TileProps) {
  const id = source.source_id;
  const box = useRef<HTMLElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const seen = useSeen(box);
  const [paused, setPaused] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [screen, shown, forget] = useScreen(canvas);
  const still = paused || held;
  const dead = source.state === "offline" || source.state === "ended" || source.state === "paused";

  useEffect(() => forget(), [blur]);
  useEffect(() => {
    if (!seen || still || dead) return undefined;
    return hub.watch(
      id,
      (picture) => {
        setProblem(null);
        screen.current?.offer(picture);
      },
      (trouble) => setProblem(trouble.status ? trouble : null),
    );
    // A camera that comes online is asked for anew: the engine may not have known it before.
  }, [hub, id, seen, still, dead, source.state === "online"]);
  useEffect(() => {
    if (!problem || still || dead) return undefined;
    const timer = setInterval(() => {
      const { faces, width, height } = news.seen(id, performance.now());
      screen.current?.sketch(faces, width || source.width || 16, height || source.height || 9);
    }, 300);
    return () => clearInterval(timer);
  }, [problem, still, dead, id]);

  const faces = shown?.faces.length ?? source.tracks;
  const people = (shown?.faces ?? []).map((face) => `${face.track_id} ${nameOf(face.label)} ${percent(face.confidence)}`);
  const label = [t("live.picture", { name: id, faces: facesText(faces) }), ...people].join(", ");
  return (
    <article class={`tile ${source.state}`} ref={box} aria-label={id}>
      <div class="screen">
        <canvas ref={canvas} role="img" aria-label={label} />
        <Over source={source} waiting={!shown} problem={problem} still={still} />
      </div>
      <footer>
        <i class={`dot ${source.state}`} />
        <strong><bdi>{id}</bdi></strong>
        <span class={source.state === "online" ? "sr" : "state"}>{stateText(source)}</span>
        <Facts source={source} faces={faces} latency={news.latency(id)} />
        <button type="button" class="bare" aria-label={t(paused ? "live.resume" : "live.pause", { name: id })} aria-pressed={paused}
          onClick={() => setPaused(!paused)}>
          <Icon name={paused ? "play" : "pause"} />
        </button>
        <button type="button" class="bare" aria-label={t("live.full", { name: id })} onClick={() => toggleFull(box.current)}>
          <Icon name="full" />
        </button>
      </footer>
    </article>
  );
}

function Facts({ source, faces, latency }: { source: Source; faces: number; latency: number | null }) {
  return (
    <span class="facts">
      <span>{number(source.fps, 1)} {t("unit.fps")}</span>
      <span title={t("live.latency")}>{number(latency)} {t("unit.ms")}</span>
      <span title={t("live.faces")} class="faces">{facesText(faces)}</span>
    </span>
  );
}

/** What lies over the picture while there is none, or it stands still. */
function Over({ source, waiting, problem, still }: { source: Source; waiting: boolean; problem: Problem | null; still: boolean }) {
  const cause = causeText(source);
  if (source.state !== "online" && source.state !== "connecting") {
    return (
      <div class="over">
        <Icon name={source.state === "paused" ? "pause" : "alert"} />
        <b>{stateText(source)}</b>
        {cause && <span>{cause}</span>}
      </div>
    );
  }
  if (still) return <div class="over thin"><b>{t("live.paused")}</b></div>;
  if (problem) return <div class="over thin" title={problem.message}><b>{t("live.noPicture")}</b></div>;
  return waiting ? <div class="over quiet"><b>{t("live.wait")}</b></div> : null;
}

function toggleFull(element: HTMLElement | null): void {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void element?.requestFullscreen().catch(() => undefined);
}
