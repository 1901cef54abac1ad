/** What is known of one model in use: device, what was measured, on what it was trained. */
import { nameOf } from "../emotions";
import { number } from "../format";
import { Card } from "../parts/basics";
import { reportHref } from "../report";
import { t } from "../text";
import type { Card as CardData, DataSource, ModelWithCard } from "../types";
import { type Highlight, highlights, leaves, quantity, shown, wordFor, wordsFor } from "./measures";

const MOST = 400;

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
        <div class={model.commercial === "not cleared" ? "warn" : ""}>
          <dt>{t("rights.title")}</dt><dd>{t(`rights.${model.commercial}`)}</dd>
        </div>
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
  const { per_class: classes, ...metrics } = card.metrics;
  const told = highlights(leaves(metrics));
  return (
    <>
      {card.labels.length > 0 && <p><span class="dim">{t("engine.labels")}:</span> {card.labels.map(nameOf).join(", ")}</p>}
      <Numbers told={told} />
      {card.limits.length > 0 && (
        <div class="known">
          <h3>{t("engine.knownLimits")}</h3>
          <ul>{card.limits.map((limit) => <li key={limit}><bdi>{limit}</bdi></li>)}</ul>
        </div>
      )}
      <Rights sources={card.data_rights} />
      <Classes classes={classes} />
      <Tree name={t("engine.measured")} tree={metrics} of="metric" open />
      <Tree name={t("engine.data")} tree={card.data} of="data" />
    </>
  );
}

/** The numbers that tell most. Where they were measured is said once, if it is the same of all. */
function Numbers({ told }: { told: readonly Highlight[] }) {
  const [first] = told;
  if (!first) return null;
  const alike = told.every(({ where }) => where === first.where);
  return (
    <>
      <dl class="facts-row high">
        {told.map(({ name, value, where, how }) => (
          <div key={name}><dt>{name}</dt><dd>{value}{!alike && <small class="dim">{where}</small>}{how && <small class="dim">{how}</small>}</dd></div>
        ))}
      </dl>
      {alike && first.where && <p class="dim on">{t("engine.measuredOn", { where: first.where })}</p>}
    </>
  );
}

/** On whose data it was made, each with its terms. */
function Rights({ sources }: { sources: readonly DataSource[] }) {
  if (sources.length === 0) return null;
  return (
    <details>
      <summary>{t("rights.sources")} <span class="dim">{number(sources.length)}</span></summary>
      <ul class="rights">
        {sources.map((source) => (
          <li key={`${source.use} ${source.name}`}>
            {source.url ? <a href={source.url} target="_blank" rel="noreferrer"><bdi>{source.name}</bdi></a> : <bdi>{source.name}</bdi>}
            {" "}<small class="dim">{t(`rights.${source.use}`)} · {t(`rights.${source.commercial}`)}</small><br />
            <bdi>{source.terms}</bdi>
          </li>
        ))}
      </ul>
    </details>
  );
}

const PER_CLASS = ["images", "precision", "recall", "f1"] as const;

/** Class by class, where the card has it. */
function Classes({ classes }: { classes: unknown }) {
  if (typeof classes !== "object" || classes === null) return null;
  const rows = Object.entries(classes as Record<string, Record<string, unknown> | null>);
  return (
    <details>
      <summary>{t("engine.perClass")} <span class="dim">{number(rows.length)}</span></summary>
      <table class="list plain leaves">
        <thead>
          <tr>
            <th scope="col">{t("tracks.emotion")}</th>
            {PER_CLASS.map((key) => <th scope="col" class="num" key={key}>{wordFor(key, "metric")}</th>)}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST).map(([label, values]) => (
            <tr key={label}>
              <th scope="row">{nameOf(label)}</th>
              {PER_CLASS.map((key) => <td class="num" key={key}>{values?.[key] === undefined || values[key] === null ? "–" : shown(values[key], key)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

function Tree({ name, tree, of, open }: { name: string; tree: unknown; of: "metric" | "data"; open?: boolean }) {
  const lines = leaves(tree);
  if (lines.length === 0) return null;
  return (
    <details open={open && lines.length <= 12}>
      <summary>{name} <span class="dim">{number(lines.length)}</span></summary>
      <table class="list plain leaves">
        <tbody>
          {lines.slice(0, MOST).map(([path, value]) => (
            <tr key={path.join(" ")}><th scope="row">{wordsFor(path, of)}</th><td class="num">{shown(value, quantity(path))}</td></tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
