/** When a person's emotion changed, the latest first, and a page of it at a time. */
import { useMemo, useState } from "preact/hooks";
import { clockWithin, duration, number } from "../format";
import type { Change } from "../history";
import { Label } from "../parts/basics";
import { t } from "../text";

const FIRST = 50;
const MORE = 200;

export function Changes({ list }: { list: readonly Change[] }) {
  const [most, setMost] = useState(FIRST);
  const shown = useMemo(() => list.slice(-most).reverse(), [list, most]);
  const [first, last] = [list[0], list.at(-1)];
  if (!first || !last) return <p class="dim">{t("track.noChanges")}</p>;
  return (
    <>
      <Table list={shown} said={clockWithin(first.at, last.at)} />
      {list.length > shown.length && (
        <div class="row foot">
          <span class="dim">{t("track.changesShown", { n: number(shown.length), all: number(list.length) })}</span>
          <button type="button" onClick={() => setMost(most + MORE)}>{t("tracks.more")}</button>
        </div>
      )}
    </>
  );
}

function Table({ list, said }: { list: readonly Change[]; said: (at: string) => string }) {
  return (
    <table class="list plain changes">
      <thead>
        <tr>
          <th scope="col">{t("track.at")}</th>
          <th scope="col">{t("track.before")}</th>
          <th scope="col" class="num">{t("track.dwell")}</th>
          <th scope="col">{t("track.after")}</th>
        </tr>
      </thead>
      <tbody>
        {list.map((change) => (
          <tr key={change.at}>
            <td class="time"><time dateTime={change.at}>{said(change.at)}</time></td>
            <td>{change.held === null ? "–" : <Label label={change.before} />}</td>
            <td class="num">{duration(change.held)}</td>
            <td><Label label={change.after} said={change.said} confidence={change.confidence} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
