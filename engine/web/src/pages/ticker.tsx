/** Events as lines of text, the newest first. */
import { colourOf, nameOf, saidOf, shownBy, sureOf } from "../emotions";
import { clock, duration, percent } from "../format";
import { Note } from "../parts/states";
import { href } from "../route";
import { causeText, stateText } from "../sources";
import { t } from "../text";
import type { EngineEvent } from "../types";

export function Ticker({ lines, round }: { lines: readonly EngineEvent[]; round: number }) {
  return (
    <aside class="ticker" aria-label={t("live.ticker")} data-round={round}>
      <h2>{t("live.ticker")}</h2>
      {lines.length === 0 ? (
        <Note icon="eye" title={t("live.quiet")} />
      ) : (
        <ol tabIndex={0} aria-label={t("live.ticker")}>
          {lines.map((event) => (
            <Line event={event} key={event.event_id} />
          ))}
        </ol>
      )}
    </aside>
  );
}

function Line({ event }: { event: EngineEvent }) {
  const label = event.after?.label ?? event.before?.label ?? null;
  return (
    <li class={event.type}>
      <i style={{ background: event.type === "status" ? "transparent" : colourOf(label) }} />
      <div>
        {event.track_uid ? <a href={href(["tracks", event.track_uid])}>{sentence(event)}</a> : <span>{sentence(event)}</span>}
        <small>
          <time dateTime={event.captured_at}>{clock(event.captured_at)}</time> <bdi>{event.source_id}</bdi>
        </small>
      </div>
    </li>
  );
}

function sentence(event: EngineEvent): string {
  const who = t("live.person", { id: event.track_id ?? "" });
  if (event.type === "status") {
    const state = { state: event.state ?? "", cause: event.cause ?? null, detail: event.detail ?? "" };
    const why = causeText(state);
    return t("live.status", { name: event.source_id, state: stateText(state) }) + (why ? `. ${why}` : "");
  }
  if (event.type === "new") return t("live.new", { who });
  if (event.type === "end") return t("live.end", { who, time: duration(event.age_s) });
  const after = saidOf(shownBy(event)) + sure(event);
  if (!event.before) return t("live.first", { who, after });
  return t("live.changed", { who, before: nameOf(event.before.label), after });
}

function sure(event: EngineEvent): string {
  const sure = event.after ? sureOf(event.after) : null;
  return sure === null ? "" : ` ${percent(sure)}`;
}
