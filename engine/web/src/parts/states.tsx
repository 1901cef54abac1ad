/** What stands where data would: nothing yet, on its way, or failed; each says what to do. */
import type { ComponentChildren } from "preact";
import type { Problem } from "../api";
import type { Asked } from "../poll";
import { t } from "../text";
import { Icon, type IconName } from "./icons";

interface NoteProps {
  title: string;
  how?: string;
  icon?: IconName;
  children?: ComponentChildren;
}

export function Note({ title, how, icon = "tracks", children }: NoteProps) {
  return (
    <div class="note">
      <Icon name={icon} />
      <h2>{title}</h2>
      {how && <p>{how}</p>}
      {children}
    </div>
  );
}

export function Loading({ rows = 4 }: { rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="sr">{t("state.loading")}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div class="bone" key={row} />
      ))}
    </div>
  );
}

export function Failed({ problem, again }: { problem: Problem; again: () => void }) {
  if (problem.status === 403) {
    const single = problem.message.includes("aggregate_only");
    return (
      <Note
        icon="alert"
        title={t(single ? "state.aggregate" : "state.forbidden")}
        how={t(single ? "state.aggregateHow" : "state.forbiddenHow")}
      />
    );
  }
  return (
    <div role="alert">
      <Note icon="alert" title={t("state.failed")} how={problem.status ? problem.message : t("state.offline")}>
        <button type="button" onClick={again}>
          {t("state.retry")}
        </button>
      </Note>
    </div>
  );
}

/** The answer once it is there; before, what keeps it. */
export function Answer<T>({ asked, rows, children }: { asked: Asked<T>; rows?: number; children: (data: T) => ComponentChildren }) {
  if (asked.data !== null) return <>{children(asked.data)}</>;
  if (asked.problem) return <Failed problem={asked.problem} again={asked.again} />;
  return rows === undefined ? <Loading /> : <Loading rows={rows} />;
}
