/** The machine itself: how fast each stage runs, what waits, what was dropped, and which models judge. */
import { duration, moment, number } from "../format";
import { Card, Header } from "../parts/basics";
import { Answer } from "../parts/states";
import { useAnswer, useStatus } from "../poll";
import { rates, STAGES } from "../rates";
import { useSession } from "../session";
import { has, t } from "../text";
import type { ModelWithCard, Sink, Status } from "../types";
import { ModelCard } from "./model-card";
import { ChipOutcomes, FrameOutcomes } from "./outcomes";
import { Fact } from "./track";

export function EnginePage() {
  const status = useStatus();
  const models = useAnswer<{ items: ModelWithCard[] }>("models", {}, 60_000);
  const session = useSession();
  return (
    <>
      <Header title={t("engine.title")} lead={<bdi>{session.name}</bdi>}>
        {!session.tokens && (
          <>
            {session.docs && <a class="button" href="docs">{t("engine.api")}</a>}
            <a class="button" href="metrics">{t("engine.metrics")}</a>
          </>
        )}
      </Header>
      <Answer asked={status}>{(now) => <Machine status={now} />}</Answer>
      <h2 class="section">{t("engine.models")}</h2>
      <p class="lead limits">{t("engine.limits")}</p>
      <Answer asked={models} rows={2}>
        {(found) => <div class="grid">{found.items.map((model) => <ModelCard model={model} key={model.stage} />)}</div>}
      </Answer>
    </>
  );
}

function Machine({ status }: { status: Status }) {
  return (
    <>
      <dl class="facts-row">
        <Fact name={t("engine.state")} value={stateOf(status)} />
        <Fact name={t("engine.uptime")} value={duration(Math.floor(status.uptime_s))} />
        <Fact name={t("engine.run")} value={`${moment(status.started_at)}`} />
        <Fact name={t("engine.version")} value={status.version} />
        <Fact name={t("engine.history")} value={sinkText(status.history)} />
        <Fact name={t("engine.bus")} value={sinkText(status.bus)} />
      </dl>
      <div class="grid">
        <Stages status={status} />
        <Queues status={status} />
        <FrameOutcomes sources={status.sources} />
        <ChipOutcomes chips={status.chips} />
      </div>
    </>
  );
}

function stateOf({ state }: Status): string {
  const key = `run.${state}`;
  return has(key) ? t(key) : state;
}

function sinkText(sink: Sink): string {
  const parts = [t(sink.state === "ok" ? "sink.ok" : "sink.down")];
  if (sink.state !== "ok" && sink.detail) parts.push(sink.detail);
  if (sink.pending) parts.push(t("engine.pending", { n: number(sink.pending) }));
  if (sink.lost) parts.push(t("engine.lostEvents", { n: number(sink.lost) }));
  return parts.join(" · ");
}

function Stages({ status }: { status: Status }) {
  const deviceOf = (stage: string) => status.models.find((model) => model.stage === stage)?.device;
  const devices: Partial<Record<string, string | undefined>> = { inferred: deviceOf("detect"), classified: deviceOf("classify") };
  return (
    <Card title={t("engine.stages")} lead={t("engine.stagesLead")}>
      <ul class="stages">
        {STAGES.map((stage) => (
          <li key={stage}>
            <span>{t(`engine.${stage}`)}{devices[stage] && <code>{devices[stage]}</code>}</span>
            <Spark values={rates.line(stage)} />
            <b>{number(rates.mean(stage), 1)}<small> {t("unit.perS")}</small></b>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** A line of the latest values, from zero up. */
function Spark({ values }: { values: readonly number[] }) {
  const top = Math.max(...values, 0.001);
  const step = 100 / Math.max(values.length - 1, 1);
  const points = values.map((value, place) => `${(place * step).toFixed(1)},${(22 - (20 * value) / top).toFixed(1)}`);
  return (
    <svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(" ")} />
    </svg>
  );
}

function Queues({ status }: { status: Status }) {
  return (
    <Card title={t("engine.queues")}>
      <table class="list plain queues">
        <thead>
          <tr>
            <th scope="col">{t("engine.queue")}</th>
            <th scope="col" class="num">{t("engine.depth")}</th>
            <th scope="col" class="num">{t("engine.lanes")}</th>
            <th scope="col" class="num">{t("engine.taken")}</th>
            <th scope="col" class="num">{t("engine.dropped")}</th>
          </tr>
        </thead>
        <tbody>
          {Object.entries(status.channels).map(([name, channel]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="num">{number(channel.depth)}</td>
              <td class="num">{number(channel.lanes)}</td>
              <td class="num">{number(channel.taken)}</td>
              <td class={channel.dropped ? "num warn" : "num"}>{number(channel.dropped)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
