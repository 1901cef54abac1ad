/** The wall of cameras, and what happens in front of them. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { get } from "../api";
import { UseWebcam } from "../camera/panel";
import { whileVisible } from "../connection";
import { followEvents } from "../live/events";
import { canFill, toggleFull, useFull } from "../live/full";
import { PreviewHub } from "../live/hub";
import { News } from "../live/news";
import { Header, Switch } from "../parts/basics";
import { Icon } from "../parts/icons";
import { Answer, Note } from "../parts/states";
import { useStatus } from "../poll";
import { href } from "../route";
import { useSession } from "../session";
import { t } from "../text";
import type { EngineEvent, Page, Source, Status } from "../types";
import { Ticker } from "./ticker";
import { Tile } from "./tile";

const STORE = "moodline.blur";

export function LivePage() {
  const asked = useStatus();
  return <Answer asked={asked}>{(status) => <Wall status={status} />}</Answer>;
}

/** Events while the page can be seen; `round` grows with each line of the ticker. */
function useNews(on: boolean): [News, number] {
  const news = useMemo(() => new News(), []);
  const [round, setRound] = useState(0);
  useEffect(() => {
    if (!on) return undefined;
    return whileVisible(() => {
      const ending = new AbortController();
      void latest(ending.signal).then((past) => {
        if (news.lines.length === 0 && news.tell(past)) setRound((n) => n + 1);
      });
      void followEvents((event) => {
        if (news.take(event, performance.now())) setRound((n) => n + 1);
      }, ending.signal);
      return () => ending.abort();
    });
  }, [on, news]);
  return [news, round];
}

/** What happened last, oldest first; nothing where that cannot be asked. */
async function latest(signal: AbortSignal): Promise<EngineEvent[]> {
  try {
    return (await get<Page<EngineEvent>>("events", { limit: 200 }, signal)).items.reverse();
  } catch {
    return [];
  }
}

/** How many columns show `count` tiles best. */
export function columns(count: number): number {
  if (count <= 1) return 1;
  if (count <= 4) return 2;
  return count <= 9 ? 3 : 4;
}

/** The width to ask for, by columns: of the page, and of the whole screen. */
const WIDTHS = [0, 1280, 800, 640, 480];
const FULL_WIDTHS = [0, 1280, 1280, 800, 640];

function useHub(blur: boolean, count: number, full: boolean): PreviewHub {
  const hub = useMemo(() => new PreviewHub(), []);
  useEffect(() => () => hub.close(), [hub]);
  const width = (full ? FULL_WIDTHS : WIDTHS)[columns(count)] ?? 480;
  useEffect(() => hub.show({ blur, width }), [hub, blur, width]);
  return hub;
}

function Wall({ status }: { status: Status }) {
  const session = useSession();
  const [blur, setBlur] = useState(localStorage.getItem(STORE) === "on");
  const [paused, setPaused] = useState(false);
  const [news, round] = useNews(!session.aggregate_only);
  const wall = useRef<HTMLDivElement>(null);
  const full = useFull(wall);
  const hub = useHub(blur, status.sources.length, full);
  const change = (on: boolean) => {
    localStorage.setItem(STORE, on ? "on" : "off");
    setBlur(on);
  };
  if (status.sources.length === 0) return <NoCameras />;
  return (
    <>
      <Header title={t("live.title")} lead={summary(status.sources)}>
        <UseWebcam main />
        <Switch name={t("live.blur")} on={blur} onChange={change} />
        <button type="button" aria-pressed={paused} onClick={() => setPaused(!paused)}>
          <Icon name={paused ? "play" : "pause"} />
          {t(paused ? "live.resumeAll" : "live.pauseAll")}
        </button>
        {canFill() && (
          <button type="button" onClick={() => toggleFull(wall)}>
            <Icon name="full" />
            {t("live.fullWall")}
          </button>
        )}
      </Header>
      <div class="live">
        <div class={`wall columns-${columns(status.sources.length)}`} ref={wall}>
          {status.sources.map((source) => (
            <Tile key={source.source_id} source={source} hub={hub} news={news} held={paused} blur={blur} filled={full} />
          ))}
        </div>
        {!session.aggregate_only && <Ticker lines={news.lines} round={round} />}
      </div>
    </>
  );
}

function summary(sources: readonly Source[]): string {
  const online = sources.filter((source) => source.state === "online" || source.state === "degraded").length;
  const faces = sources.reduce((sum, source) => sum + source.tracks, 0);
  return t("live.summary", { online, all: sources.length, faces: facesText(faces) });
}

export function facesText(count: number): string {
  return count === 1 ? t("live.face.one") : t("live.face.many", { n: count });
}

function NoCameras() {
  return (
    <>
      <Header title={t("live.title")} />
      <Note icon="cameras" title={t("live.empty")} how={t("live.emptyHow")}>
        <a class="button main" href={href(["cameras"], { add: "1" })}>
          <Icon name="plus" />
          {t("live.addCamera")}
        </a>
        <UseWebcam />
      </Note>
    </>
  );
}
