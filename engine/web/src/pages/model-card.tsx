/** What is known of one model in use: device, what was measured, on what it was trained. */
import { nameOf } from "../emotions";
import { number } from "../format";
import { Card } from "../parts/basics";
import { reportHref } from "../report";
import { t } from "../text";
import type { Card as CardData, ModelWithCard } from "../types";

const MOST = 400;

/** The leaves of nested numbers as `views.aligned.accuracy`, in their order. */
export function leaves(tree: unknown, path: string[] = []): [string, string][] {
  if (tree === null || tree === undefined) return [];
  if (Array.isArray(tree)) return [[path.join(" · "), tree.map(shown).join(" – ")]];
  if (typeof tree === "object") return Object.entries(tree).flatMap(([key, value]) => leaves(value, [...path, key]));
  return [[path.join(" · "), shown(tree)]];
}

function shown(value: unknown): string {
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value)) return number(value);
  return Math.abs(value) < 0.001 ? value.toExponential(1) : number(value, Math.abs(value) < 10 ? 3 : 1);
}

const TELLING = ["accuracy", "macro_f1", "calibration_error", "ap", "landmark_error"];
/** Of several sets and sizes: all sets together, at the size the engine looks at. */
const USUAL = ["all sets", "640"];

/** The first few numbers that tell most, each with where it was measured. */
function highlights(lines: readonly [string, string][]): [string, string, string][] {
  const usual = (path: string): number => USUAL.filter((part) => path.split(" · ").includes(part)).length;
  return TELLING.flatMap((name) => {
    const [found] = lines
      .filter(([path]) => path.split(" · ").at(-1) === name)
      .sort(([one], [other]) => usual(other) - usual(one));
    return found ? [[name, found[1], found[0].split(" · ").slice(0, -1).join(" · ")] as [string, string, string]] : [];
  }).slice(0, 3);
}

function inputText(input: Record<string, unknown>): string {
  const size = input.width && input.height ? `${String(input.width)} × ${String(input.height)} ` : "";
  return `${size}${String(input.colour ?? "")}`;
}

export function ModelCard({ model }: { model: ModelWithCard }) {
  return (
    <Card title={<><bdi>{model.name}</bdi> <small class="dim">{model.version} · {model.stage}</small></>}
      tools={model.report && <ReportLink name={model.name} />}>
      <dl class="facts-row">
        <div><dt>{t("engine.device")}</dt><dd>{model.device}</dd></div>
        {model.card && (
          <>
            <div><dt>{t("engine.licence")}</dt><dd>{model.card.licence}</dd></div>
            <div><dt>{t("engine.input")}</dt><dd>{inputText(model.card.input)}</dd></div>
          </>
        )}
        <div class="wide"><dt>{t("engine.hash")}</dt><dd><code>{model.sha256.slice(0, 16)}…</code></dd></div>
      </dl>
      {model.card ? <Known card={model.card} /> : <p class="warn">{t("engine.noCard")}</p>}
    </Card>
  );
}

/** The tab that opens takes over this one's token, which a link without an opener would not. */
function ReportLink({ name }: { name: string }) {
  return (
    <a class="button" href={reportHref(name)} target="_blank" rel="opener">
      {t("engine.report")}<span class="sr"> {t("engine.reportOn", { name })}</span>
    </a>
  );
}

function Known({ card }: { card: CardData }) {
  const lines = highlights(leaves(card.metrics));
  return (
    <>
      {card.labels.length > 0 && <p><span class="dim">{t("engine.labels")}:</span> {card.labels.map(nameOf).join(", ")}</p>}
      <dl class="facts-row high" hidden={lines.length === 0}>
        {lines.map(([name, value, where]) => (
          <div key={name}><dt>{name}</dt><dd>{value}<small class="dim">{where}</small></dd></div>
        ))}
      </dl>
      <Tree name={t("engine.measured")} tree={card.metrics} open />
      <Tree name={t("engine.data")} tree={card.data} />
    </>
  );
}

function Tree({ name, tree, open }: { name: string; tree: unknown; open?: boolean }) {
  const lines = leaves(tree);
  if (lines.length === 0) return null;
  return (
    <details open={open && lines.length <= 12}>
      <summary>{name} <span class="dim">{number(lines.length)}</span></summary>
      <table class="list plain leaves">
        <tbody>
          {lines.slice(0, MOST).map(([path, value]) => (
            <tr key={path}><th scope="row">{path}</th><td class="num">{value}</td></tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
