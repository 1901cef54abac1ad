/** The cameras: what they are doing, and for operators: adding, changing, pausing and deleting them. */
import { useCallback, useEffect, useState } from "preact/hooks";
import { Problem, send } from "../api";
import { WebcamCard } from "../camera/panel";
import { number, percent } from "../format";
import { Confirm, Header } from "../parts/basics";
import { Guarded } from "../parts/guarded";
import { Icon } from "../parts/icons";
import { Answer, Note } from "../parts/states";
import { type Asked, useAnswer } from "../poll";
import { current, refine } from "../route";
import { useMayChange, useMayOperate, useSession } from "../session";
import { causeText, lostShare, stateText } from "../sources";
import { t } from "../text";
import type { Source } from "../types";
import { CameraForm } from "./camera-form";

interface Sources {
  items: Source[];
}

const ORIGINS = { file: "cameras.fromFile", api: "cameras.fromApi", browser: "webcam.origin" } as const;

type Doing = { what: "add" } | { what: "edit" | "delete"; source: Source } | null;

export function trouble(error: unknown): string {
  return error instanceof Problem && error.status ? error.message : t("state.offline");
}

export function CamerasPage() {
  const asked = useAnswer<Sources>("sources", {}, 2000);
  const mayChange = useMayChange();
  const why = useWhyNot();
  const [doing, setDoing] = useState<Doing>(null);
  useEffect(() => {
    if (current().query.get("add")) {
      refine(["cameras"], {});
      if (mayChange) setDoing({ what: "add" });
    }
  }, []);
  const close = useCallback(() => setDoing(null), []);
  return (
    <>
      <Header title={t("cameras.title")} lead={t("cameras.lead")}>
        <Guarded class="main" why={why} by="no-changes" onClick={() => setDoing({ what: "add" })}>
          <Icon name="plus" />
          {t("cameras.add")}
        </Guarded>
      </Header>
      {why && <p class="dim hint" id="no-changes">{why}</p>}
      <Answer asked={asked}>{(sources) => <List sources={sources.items} asked={asked} onDo={setDoing} />}</Answer>
      <WebcamCard />
      {doing?.what === "add" && <CameraForm source={null} onClose={close} onChanged={asked.again} />}
      {doing?.what === "edit" && <CameraForm source={doing.source} onClose={close} onChanged={asked.again} />}
      {doing?.what === "delete" && <Delete source={doing.source} onClose={close} onDone={() => (close(), asked.again(), focusHeading())} />}
    </>
  );
}

/** The button that was pressed goes with its card: whoever uses keys goes on at the top, once the question has closed. */
function focusHeading(): void {
  requestAnimationFrame(() => {
    const heading = document.querySelector<HTMLElement>("main h1");
    if (heading) heading.tabIndex = -1;
    heading?.focus();
  });
}

/** Why nothing can be changed here; null where it can. */
function useWhyNot(): string | null {
  const { sources, scopes } = useSession();
  if (!sources) return t("cameras.off");
  return scopes.includes("operate") ? null : t("cameras.readOnly");
}

function List({ sources, asked, onDo }: { sources: readonly Source[]; asked: Asked<Sources>; onDo: (doing: Doing) => void }) {
  if (sources.length === 0) return <Note icon="cameras" title={t("cameras.none")} how={t("cameras.noneHow")} />;
  return (
    <ul class="cameras">
      {sources.map((source) => (
        <li key={source.source_id}>
          <Camera source={source} again={asked.again} onDo={onDo} />
        </li>
      ))}
    </ul>
  );
}

function Camera({ source, again, onDo }: { source: Source; again: () => void; onDo: (doing: Doing) => void }) {
  const mayChange = useMayChange();
  const mayOperate = useMayOperate();
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const paused = source.paused ?? source.state === "paused";
  const cause = causeText(source);
  const pause = async () => {
    setBusy(true);
    try {
      await send("PATCH", `sources/${encodeURIComponent(source.source_id)}`, { paused: !paused });
      setProblem(null);
    } catch (error) {
      setProblem(trouble(error));
    }
    setBusy(false);
    again();
  };
  return (
    <article class="camera card">
      <div class="card-head">
        <div>
          <h2><i class={`dot ${source.state}`} /> <bdi>{source.source_id}</bdi></h2>
          <p class="lead">{stateText(source)}{cause && source.state !== "online" ? `. ${cause}` : ""}</p>
        </div>
        {mayChange && source.origin !== "browser" && (
          <div class="tools">
            <button type="button" disabled={busy} onClick={() => void pause()}>{t(paused ? "cameras.resume" : "cameras.pause")}</button>
            {source.origin !== "file" && (
              <>
                <button type="button" onClick={() => onDo({ what: "edit", source })}>{t("cameras.edit")}</button>
                <button type="button" class="danger" onClick={() => onDo({ what: "delete", source })}>{t("cameras.delete")}</button>
              </>
            )}
          </div>
        )}
        {mayOperate && source.origin === "browser" && (
          <div class="tools">
            <button type="button" class="danger" onClick={() => onDo({ what: "delete", source })}>{t("cameras.end")}</button>
          </div>
        )}
      </div>
      {mayChange && source.origin === "file" && <p class="dim from-file">{t("cameras.fileHow")}</p>}
      {problem && <p class="bad" role="alert">{t("cameras.failed")}: {problem}</p>}
      <dl class="facts-row">
        <Item name={t("cameras.address")} value={source.uri} wide />
        <Item name={t("cameras.picture")} value={source.width ? `${source.width} × ${source.height}` : "–"} />
        <Item name={t("cameras.rate")} value={`${number(source.fps, 1)} ${t("unit.fps")}`} />
        <Item name={t("live.faces")} value={number(source.tracks)} />
        <Item name={t("cameras.lost")} value={percent(lostShare(source), 1)} how={t("cameras.lostHow")} />
        {source.origin && <Item name={t("cameras.origin")} value={t(ORIGINS[source.origin])} />}
        <Item name={t("cameras.reconnects")} value={number(source.reconnects)} />
      </dl>
    </article>
  );
}

function Item({ name, value, how, wide }: { name: string; value: string; how?: string; wide?: boolean }) {
  return (
    <div class={wide ? "wide" : ""} title={how ?? ""}>
      <dt>{name}</dt>
      <dd><bdi>{value}</bdi></dd>
    </div>
  );
}

const DELETING = { title: "cameras.deleteTitle", lead: "cameras.deleteLead", go: "cameras.deleteGo" } as const;
const ENDING = { title: "cameras.endTitle", lead: "cameras.endLead", go: "cameras.endGo" } as const;

function Delete({ source, onClose, onDone }: { source: Source; onClose: () => void; onDone: () => void }) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const go = async () => {
    setBusy(true);
    try {
      await send("DELETE", `sources/${encodeURIComponent(source.source_id)}`);
      onDone();
    } catch (error) {
      setBusy(false);
      setProblem(trouble(error));
    }
  };
  const texts = source.origin === "browser" ? ENDING : DELETING;
  return (
    <Confirm title={t(texts.title, { name: source.source_id })} lead={t(texts.lead)} go={t(texts.go)}
      busy={busy} problem={problem} onGo={() => void go()} onClose={onClose} />
  );
}
