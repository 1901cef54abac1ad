/** A camera tried before it is added: its picture, or why there is none. */
import { useLayoutEffect, useRef } from "preact/hooks";
import { open, pathTo, Problem } from "../api";
import { number } from "../format";
import { Icon } from "../parts/icons";
import { type Key, t } from "../text";
import { trouble } from "./cameras";

const PATIENCE_MS = 40_000;

/** `picture` null: it works, and `hidden` names the setting that forbids to show it. */
export type Trial =
  | { state: "running" }
  | { state: "works"; about: string; picture: ImageBitmap | null; hidden: string }
  | { state: "fails"; why: string; detail: string; how?: string };

/** Throws `Problem` where such a camera could not be added at all, or nothing can be said. */
export async function tryCamera(body: unknown, signal: AbortSignal): Promise<Trial> {
  const init = { method: "POST", body: JSON.stringify(body), signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]) };
  try {
    const answer = await open(pathTo("sources/test", { width: 640 }), init, { "Content-Type": "application/json" });
    const picture = answer.status === 204 ? null : await createImageBitmap(await answer.blob());
    return { state: "works", about: about(answer.headers), picture, hidden: answer.headers.get("X-No-Picture") ?? "" };
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 424) throw error;
    return { state: "fails", ...whyNot(String(error.document.cause), error.message) };
  }
}

/** 1280 × 720, 25 fps, h264 */
function about(headers: Headers): string {
  const rate = Number(headers.get("X-Frame-Rate"));
  const said = [headers.get("X-Frame-Size")?.replace("x", " × "), rate ? `${number(rate, rate % 1 ? 1 : 0)} ${t("unit.fps")}` : "", headers.get("X-Codec")];
  return said.filter(Boolean).join(", ");
}

/** By cause, what the engine says in words of its own, as patterns, and the sentence for it here. */
const REASONS: Record<string, readonly (readonly [RegExp, Key])[]> = {
  auth: [[/./, "cause.auth"]],
  not_found: [[/./, "cause.not_found"]],
  refused: [
    [/connection refused/, "cameras.portClosed"],
    [/it is another service/, "cameras.otherService"],
    [/set transport: tcp/, "cameras.needsTcp"],
    [/set transport: udp/, "cameras.needsUdp"],
    [/no address is known for this name/, "cameras.hostUnknown"],
  ],
  timeout: [[/no answer/, "cause.timeout"], [/./, "cameras.noPicture"]],
  codec: [[/not a video|holds no video/, "cameras.noVideo"], [/max_pixels/, "cameras.tooLarge"]],
  ended: [[/./, "cause.ended"]],
};
const OTHERS: Record<string, Key> = { codec: "cause.codec" };

/** Why there is no picture, and the address; the engine's own words only where the sentence leaves something open. */
function whyNot(cause: string, detail: string): { why: string; detail: string; how?: string } {
  const [place = ""] = detail.split(": ", 1);
  // Of most hosts no more is told, so that nobody can look for open ports this way.
  if (detail.includes("api.sources.hosts")) return { why: t("cameras.notReached"), detail: place, how: t("cameras.notReachedHow") };
  const reason = REASONS[cause]?.find(([pattern]) => pattern.test(detail));
  return reason ? { why: t(reason[1]), detail: place } : { why: t(OTHERS[cause] ?? "cause.refused"), detail };
}

export function TrialView({ trial, again }: { trial: Trial; again: string }) {
  const picture = trial.state === "works" ? trial.picture : null;
  return (
    <div class="trial" role="status">
      {picture ? <div class="screen"><Picture bitmap={picture} /></div> : trial.state !== "works" && (
        <div class="screen">
          <div class="over">
            <Icon name={trial.state === "fails" ? "alert" : "cameras"} />
            <b>{trial.state === "fails" ? trial.why : t("cameras.testing")}</b>
            {trial.state === "fails" && <small><bdi>{trial.detail}</bdi></small>}
            {trial.state === "fails" && trial.how && <small>{trial.how}</small>}
          </div>
        </div>
      )}
      {trial.state === "works" && <p>{t("cameras.testOk", { what: trial.about })}</p>}
      {trial.state === "works" && trial.hidden && <p class="dim">{t("cameras.testHidden", { setting: trial.hidden })}</p>}
      {trial.state === "fails" && <p class="dim">{again}</p>}
    </div>
  );
}

function Picture({ bitmap }: { bitmap: ImageBitmap }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  // With the words, not a moment after them.
  useLayoutEffect(() => {
    if (!canvas.current) return;
    Object.assign(canvas.current, { width: bitmap.width, height: bitmap.height });
    canvas.current.getContext("2d", { alpha: false })?.drawImage(bitmap, 0, 0);
  }, [bitmap]);
  return <canvas ref={canvas} role="img" aria-label={t("cameras.testPicture")} />;
}

/** What stands in place of a test that could not be made, such as one too many at a time. */
export function notTried(error: unknown): Trial {
  return { state: "fails", why: t("cameras.notTried"), detail: trouble(error) };
}
