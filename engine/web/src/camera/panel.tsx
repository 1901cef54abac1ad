/** "Use this webcam": the question before, and the panel that stays in the corner while pictures are sent. */
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { saidOf, sureOf } from "../emotions";
import { number } from "../format";
import { Card, Dialog, Field, Label, Select } from "../parts/basics";
import { Guarded } from "../parts/guarded";
import { Icon } from "../parts/icons";
import { useMayOperate, useSession } from "../session";
import { type Key, t } from "../text";
import { type Device, devices, isSecure } from "./device";
import { type Feed, useFeed, webcam } from "./feed";

const STORE = "moodline.camera";

/** Why this page cannot send its camera; null where it can. */
function useObstacle(): Key | null {
  const session = useSession();
  const mayOperate = useMayOperate();
  if (!session.browser_cameras) return "webcam.off";
  if (!mayOperate) return "webcam.readOnly";
  return isSecure() ? null : "webcam.insecure";
}

/** The button. Where the engine takes no webcams there is none. */
export function UseWebcam({ main, by }: { main?: boolean; by?: string }) {
  const feed = useFeed();
  const obstacle = useObstacle();
  const [asking, setAsking] = useState(false);
  if (obstacle === "webcam.off") return null;
  const running = feed.phase !== "off" && feed.phase !== "failed";
  return (
    <>
      <Guarded class={main ? "use-webcam main" : "use-webcam"} why={obstacle && t(obstacle)} {...(by ? { by } : {})} disabled={running} onClick={() => setAsking(true)}>
        <Icon name="cameras" />
        {t("webcam.use")}
      </Guarded>
      {asking && <Consent onClose={() => setAsking(false)} />}
    </>
  );
}

/** What it is and how it stands with it, on the page of the cameras. */
export function WebcamCard() {
  const obstacle = useObstacle();
  return (
    <Card title={t("cameras.browser")} lead={t("webcam.lead")} tools={<UseWebcam by="browser-camera" />}>
      {obstacle && <p class="dim" id="browser-camera">{t(obstacle)}</p>}
    </Card>
  );
}

function Consent({ onClose }: { onClose: () => void }) {
  const session = useSession();
  const [list, setList] = useState<Device[]>([]);
  const [device, setDevice] = useState(localStorage.getItem(STORE) ?? "");
  const [name, setName] = useState("");
  useEffect(() => void devices().then(setList), []);
  const chosen = list.some((one) => one.id === device) ? device : "";
  const start = (event: Event) => {
    event.preventDefault();
    if (chosen) localStorage.setItem(STORE, chosen);
    onClose();
    void webcam.start(chosen, name);
  };
  return (
    <Dialog title={t("webcam.title")} onClose={onClose}>
      <form class="consent" onSubmit={start}>
        <ul>
          <li>{t("webcam.sent")}</li>
          <li>{t("webcam.where", { host: location.host, name: session.name })}</li>
          <li>{t(session.aggregate_only ? "webcam.keptFew" : "webcam.kept")}</li>
          <li>{t("webcam.others")}</li>
          <li>{t("webcam.howToStop")}</li>
        </ul>
        {list.length > 1 && (
          <Select name={t("webcam.which")} value={chosen} onChange={setDevice}
            options={[["", t("webcam.anyCamera")], ...list.map((one) => [one.id, one.name] as const)]} />
        )}
        <details>
          <summary>{t("webcam.more")}</summary>
          <Field name={t("cameras.id")} how={t("cameras.idHow")}>
            <input value={name} pattern="[A-Za-z0-9_\-]{1,64}" maxLength={64} placeholder="browser-1" autoComplete="off" spellcheck={false}
              onInput={(event) => setName(event.currentTarget.value)} />
          </Field>
        </details>
        <div class="row end">
          <button type="button" onClick={onClose}>{t("track.cancel")}</button>
          <button type="submit" class="main" autoFocus>{t("webcam.agree")}</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Tells the page how much room the panel takes, so that nothing lies behind it that cannot be scrolled into view. */
function useRoom(box: RefObject<HTMLElement>, open: boolean): void {
  // Together with the panel, not a moment after it is gone.
  useLayoutEffect(() => {
    const panel = box.current;
    const root = document.documentElement;
    if (!panel) return undefined;
    const watcher = new ResizeObserver(() => root.style.setProperty("--webcam", `${panel.offsetHeight + 16}px`));
    watcher.observe(panel);
    return () => {
      watcher.disconnect();
      root.style.removeProperty("--webcam");
    };
  }, [open]);
}

/** The button that was pressed cannot hold the focus any more; nor can a panel that is gone. */
function useFocus(box: RefObject<HTMLElement>, open: boolean): void {
  useEffect(() => {
    if (!open) return undefined;
    // The dialog gives the focus back to the button, which is switched off only then.
    const frame = requestAnimationFrame(() => {
      const at = document.activeElement;
      if (at === null || at === document.body || at.matches(".use-webcam")) box.current?.focus();
    });
    return () => cancelAnimationFrame(frame);
  }, [open]);
}

function giveFocusBack(): void {
  requestAnimationFrame(() => {
    const button = document.querySelector<HTMLElement>("button.use-webcam:not(:disabled)");
    (button ?? document.getElementById("page"))?.focus();
  });
}

/** In the corner of every page while the camera is on, or has failed. */
export function WebcamPanel() {
  const feed = useFeed();
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLElement>(null);
  const open = feed.phase !== "off";
  const [folded, setFolded] = useState(false);
  useRoom(box, open);
  useFocus(box, open);
  const stop = () => {
    if (box.current?.contains(document.activeElement)) giveFocusBack();
    webcam.stop();
  };
  useEffect(() => {
    webcam.mirror.show(canvas.current);
    return () => webcam.mirror.show(null);
  }, [feed.phase, folded]);
  // Who signs out, or is signed out, sends nothing any more.
  useEffect(() => () => webcam.stop(), []);
  if (feed.phase === "off") return null;
  const failed = feed.phase === "failed";
  const small = folded && !failed;
  return (
    <aside class={`webcam card ${feed.phase}${small ? " small" : ""}`} aria-label={t("webcam.panel")} ref={box} tabIndex={-1}
      onKeyDown={(event) => event.key === "Escape" && stop()}>
      <header>
        <i class={`dot ${DOTS[feed.phase]}`} />
        <strong>
          <bdi>{feed.name || t("cameras.browser")}</bdi>
          {small && <small role="status">{t(BRIEF[feed.phase])}</small>}
        </strong>
        <button type="button" class={failed ? "bare" : "danger"} aria-keyshortcuts="Escape" onClick={stop}>
          {failed ? <Icon name="close" /> : t("webcam.stop")}
          {failed && <span class="sr">{t("webcam.close")}</span>}
        </button>
        {!failed && (
          <button type="button" class="bare fold" aria-expanded={!small} aria-label={t("webcam.picture")} title={t(small ? "webcam.unfold" : "webcam.fold")}
            onClick={() => setFolded(!folded)}>
            <Icon name={small ? "up" : "fold"} />
          </button>
        )}
      </header>
      {!failed && !small && <canvas ref={canvas} role="img" aria-label={t("webcam.mirror")} />}
      {!small && (
        <div role={failed ? "alert" : "status"} class={failed ? "bad" : "said"}>
          <Said feed={feed} />
        </div>
      )}
    </aside>
  );
}

const BRIEF = {
  off: "webcam.failed", starting: "webcam.starting", live: "webcam.sending", away: "webcam.noAnswer", failed: "webcam.failed",
} as const;
const DOTS = { off: "ended", starting: "connecting", live: "online", away: "offline", failed: "offline" } as const;

function Said({ feed }: { feed: Feed }) {
  if (feed.problem) return <>{t(feed.problem)}</>;
  if (feed.phase === "starting") return <>{t("webcam.starting")}</>;
  if (feed.phase === "away") return <>{t("webcam.away")}</>;
  return (
    <>
      {feed.faces.map((face) => <Label key={face.track_id} label={face.label} said={saidOf(face)} confidence={sureOf(face)} />)}
      {feed.faces.length === 0 && <span class="dim">{t("webcam.noFace")}</span>}
      <span class="dim rate" aria-hidden="true">{number(feed.fps)} {t("unit.fps")} · {number(feed.delayMs)} {t("unit.ms")}</span>
    </>
  );
}
