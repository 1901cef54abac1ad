/** Adding or changing one camera; afterwards a picture of it, or why there is none. */
import { useEffect, useRef, useState } from "preact/hooks";
import { open, pathTo, Problem, send } from "../api";
import { Dialog, Field } from "../parts/basics";
import { Icon } from "../parts/icons";
import { useAnswer } from "../poll";
import { causeText } from "../sources";
import { t } from "../text";
import type { Source } from "../types";
import { trouble } from "./cameras";

interface FormProps {
  source: Source | null;
  onClose: () => void;
  onChanged: () => void;
}

type Errors = Record<string, string>;

/** Each mistake at its field; what belongs to none under "". */
function errorsIn(error: unknown): Errors {
  if (!(error instanceof Problem) || error.errors.length === 0) {
    const message = trouble(error);
    const field = /^(id|uri|fps)\b/.exec(message)?.[1] ?? "";
    return { [field]: message };
  }
  const found: Errors = {};
  for (const { field, message } of error.errors) {
    const name = field.split(".").at(-1) ?? "";
    const place = ["id", "uri", "fps"].includes(name) ? name : "";
    found[place] = place ? message : `${field}: ${message}`;
  }
  return found;
}

export function CameraForm({ source, onClose, onChanged }: FormProps) {
  const [trial, setTrial] = useState<string | null>(null);
  const [editing, setEditing] = useState<string | null>(source?.source_id ?? null);
  const saved = (id: string) => {
    onChanged();
    setTrial(id);
  };
  const title = trial ? t("cameras.test", { name: trial }) : editing ? t("cameras.formEdit", { name: editing }) : t("cameras.formAdd");
  return (
    <Dialog title={title} onClose={onClose}>
      {trial ? (
        <Trial id={trial} onClose={onClose} onChanged={onChanged} onEdit={() => (setEditing(trial), setTrial(null))} isNew={source === null} />
      ) : (
        <Form id={editing} onSaved={saved} onClose={onClose} />
      )}
    </Dialog>
  );
}

function Form({ id, onSaved, onClose }: { id: string | null; onSaved: (id: string) => void; onClose: () => void }) {
  const [name, setName] = useState(id ?? "");
  const [uri, setUri] = useState("");
  const [fps, setFps] = useState("");
  const [errors, setErrors] = useState<Errors>({});
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const body = { ...(uri.trim() ? { uri: uri.trim() } : {}), ...(fps.trim() ? { fps: Number(fps) } : {}) };
    try {
      if (id) await send("PATCH", `sources/${encodeURIComponent(id)}`, body);
      else await send("POST", "sources", { id: name.trim(), ...body });
      onSaved(id ?? name.trim());
    } catch (error) {
      setErrors(errorsIn(error));
      setBusy(false);
    }
  };
  const wrong = (field: string) => (errors[field] ? { error: errors[field] } : {});
  return (
    <form onSubmit={(event) => void submit(event)}>
      {!id && (
        <Field name={t("cameras.id")} how={t("cameras.idHow")} {...wrong("id")}>
          <input required maxLength={64} pattern="[A-Za-z0-9_\-]+" value={name} autoComplete="off" onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
      )}
      <Field name={t("cameras.uri")} how={id ? t("cameras.uriKeep") : t("cameras.uriHow")} {...wrong("uri")}>
        <input required={!id} value={uri} autoComplete="off" spellcheck={false} onInput={(event) => setUri(event.currentTarget.value)} />
      </Field>
      <Field name={t("cameras.fps")} how={t("cameras.fpsHow")} {...wrong("fps")}>
        <input type="number" min="0.1" max="120" step="any" value={fps} onInput={(event) => setFps(event.currentTarget.value)} />
      </Field>
      {errors[""] && <p class="bad" role="alert">{errors[""]}</p>}
      <div class="row end">
        <button type="button" onClick={onClose}>{t("cameras.cancel")}</button>
        <button type="submit" class="main" disabled={busy}>{t(id ? "cameras.save" : "cameras.saveAdd")}</button>
      </div>
    </form>
  );
}

/** Waits for the camera: its picture, or its cause in plain words. */
function Trial({ id, isNew, onClose, onChanged, onEdit }: { id: string; isNew: boolean; onClose: () => void; onChanged: () => void; onEdit: () => void }) {
  const asked = useAnswer<{ items: Source[] }>("sources", {}, 700);
  const source = asked.data?.items.find((one) => one.source_id === id);
  const online = source?.state === "online";
  const failed = source && ["offline", "ended", "stalled"].includes(source.state);
  const [problem, setProblem] = useState<string | null>(null);
  const remove = async () => {
    try {
      await send("DELETE", `sources/${encodeURIComponent(id)}`);
      onChanged();
      onClose();
    } catch (error) {
      setProblem(trouble(error));
    }
  };
  return (
    <div class="trial">
      <div class="screen">
        {online ? <Snapshot id={id} /> : (
          <div class="over">
            <Icon name={failed ? "alert" : "cameras"} />
            <b role="status">{t(failed ? "cameras.testFailed" : "cameras.testing")}</b>
            {failed && <span>{causeText(source)}</span>}
          </div>
        )}
      </div>
      {online && source.width && <p role="status">{t("cameras.testOk", { width: source.width, height: source.height ?? 0 })}</p>}
      {problem && <p class="bad" role="alert">{problem}</p>}
      <div class="row end">
        {failed && isNew && <button type="button" class="danger" onClick={() => void remove()}>{t("cameras.drop")}</button>}
        {failed && <button type="button" onClick={onEdit}>{t("cameras.again")}</button>}
        <button type="button" class="main" onClick={onClose}>{t("cameras.keep")}</button>
      </div>
    </div>
  );
}

/** One picture, asked for with the token and drawn. */
function Snapshot({ id }: { id: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    const ending = new AbortController();
    void (async () => {
      try {
        const url = pathTo(`sources/${encodeURIComponent(id)}/snapshot.jpg`, { width: 640 });
        const bitmap = await createImageBitmap(await (await open(url, { signal: ending.signal })).blob());
        const here = canvas.current;
        if (!here) return;
        here.width = bitmap.width;
        here.height = bitmap.height;
        here.getContext("2d")?.drawImage(bitmap, 0, 0);
        bitmap.close();
      } catch (error) {
        if (!ending.signal.aborted) setProblem(trouble(error));
      }
    })();
    return () => ending.abort();
  }, [id]);
  if (problem) return <div class="over"><span>{problem}</span></div>;
  return <canvas ref={canvas} role="img" aria-label={t("cameras.test", { name: id })} />;
}
