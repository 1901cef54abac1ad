/** Adding or changing one camera, with a look through it before anything is stored. */
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Problem, send } from "../api";
import { Dialog } from "../parts/basics";
import { Answer } from "../parts/states";
import { useAnswer } from "../poll";
import { t } from "../text";
import type { Source, SourceDetail } from "../types";
import { CameraFields, changes, type Errors, HIDDEN, NOTHING, type Values, valuesOf } from "./camera-fields";
import { errorsIn, mistakesIn, untestable } from "./camera-mistakes";
import { notTried, type Trial, TrialView, tryCamera } from "./camera-trial";

interface FormProps {
  source: Source | null;
  onClose: () => void;
  onChanged: () => void;
}

export function CameraForm({ source, onClose, onChanged }: FormProps) {
  const title = source ? t("cameras.formEdit", { name: source.source_id }) : t("cameras.formAdd");
  return (
    <Dialog title={title} onClose={onClose}>
      {source ? <Edit id={source.source_id} onClose={onClose} onChanged={onChanged} /> : (
        <Form id={null} before={NOTHING} onClose={onClose} onChanged={onChanged} />
      )}
    </Dialog>
  );
}

function Edit({ id, onClose, onChanged }: { id: string; onClose: () => void; onChanged: () => void }) {
  const asked = useAnswer<SourceDetail>(`sources/${encodeURIComponent(id)}`);
  return (
    <Answer asked={asked}>
      {({ uri, settings }) => settings && <Form id={id} before={valuesOf(uri, settings)} onClose={onClose} onChanged={onChanged} />}
    </Answer>
  );
}

/** `tried` is what was tried, as text: what has been changed since then has not been. */
interface Look {
  tried: string;
  trial: Trial;
}

function Form({ id, before, onClose, onChanged }: { id: string | null; before: Values; onClose: () => void; onChanged: () => void }) {
  const [start] = useState(before);
  const [values, setValues] = useState(start);
  const [errors, setErrors] = useState<Errors>({});
  const [look, setLook] = useState<Look | null>(null);
  const [busy, setBusy] = useState(false);
  const [added, setAdded] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const leaving = useRef(new AbortController());
  useEffect(() => () => leaving.current.abort(), []);
  // With the words, not a moment after them: what is typed meanwhile would go nowhere.
  useLayoutEffect(() => form.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus(), [errors]);

  const body = changes(values, start);
  const isNew = typeof body["uri"] === "string";
  const { id: _, ...rest } = changes(values, NOTHING);
  const now = JSON.stringify(without(rest));
  const seen = look?.tried === now ? look.trial : null;

  const attempt = async (name?: string): Promise<Trial | null> => {
    setErrors({});
    setLook({ tried: now, trial: { state: "running" } });
    let trial: Trial | null = null;
    try {
      trial = await tryCamera(name === undefined ? JSON.parse(now) : { id: name, ...JSON.parse(now) }, leaving.current.signal);
    } catch (error) {
      if (error instanceof Problem && [0, 503].includes(error.status)) trial = notTried(error);
      else if (!leaving.current.signal.aborted) setErrors(errorsIn(error));
    }
    setLook(trial && { tried: now, trial });
    return trial;
  };
  /** Shows the mistakes, if there are any; whether there are none. */
  const passes = (found: Errors): boolean => {
    setErrors(found);
    return Object.keys(found).length === 0;
  };
  const save = async () => {
    setErrors({});
    if (id) await send("PATCH", `sources/${encodeURIComponent(id)}`, body);
    else await send("POST", "sources", body);
    onChanged();
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || !passes(mistakesIn(values, id === null))) return;
    setBusy(true);
    try {
      const first = isNew && !seen;
      if (first) {
        const trial = await attempt(id === null ? values.id.trim() : undefined);
        if (trial?.state !== "works") return;
      }
      await save();
      if (first) setAdded(true);
      else onClose();
    } catch (error) {
      setErrors(errorsIn(error));
    } finally {
      setBusy(false);
    }
  };
  const test = async () => {
    // An address that was written anew goes as it is, stars and all: the engine says what is wrong with them.
    if (!passes({ ...mistakesIn(values, false), ...(isNew ? {} : untestable(values)) })) return;
    setBusy(true);
    await attempt();
    setBusy(false);
  };

  const fails = seen?.state === "fails";
  // What comes of a test stands below, and what to do about it below that.
  useEffect(() => form.current?.lastElementChild?.scrollIntoView({ block: "nearest" }), [seen?.state]);

  if (added && seen) {
    return (
      <>
        <TrialView trial={seen} again="" />
        <p role="status">{t(id ? "cameras.saved" : "cameras.added", { name: id ?? values.id.trim() })}</p>
        <div class="row end"><button type="button" class="main" autoFocus onClick={onClose}>{t("cameras.keep")}</button></div>
      </>
    );
  }
  return (
    <form ref={form} noValidate onSubmit={(event) => void submit(event)}>
      <CameraFields values={values} errors={errors} isNew={id === null} hides={start.uri.includes(HIDDEN)} onChange={setValues} />
      {seen && <TrialView trial={seen} again={t(id ? "cameras.anywayEdit" : "cameras.anyway")} />}
      {errors[""] && <p class="bad" role="alert">{errors[""]}</p>}
      <div class="row end">
        <button type="button" onClick={onClose}>{t("cameras.cancel")}</button>
        <button type="button" disabled={busy} onClick={() => void test()}>{t("cameras.try")}</button>
        <button type="submit" class="main" disabled={busy}>{t(SAVE[id ? 1 : 0][fails ? 1 : 0])}</button>
      </div>
    </form>
  );
}

const SAVE = [["cameras.saveAdd", "cameras.addAnyway"], ["cameras.save", "cameras.saveAnyway"]] as const;

/** Keys at their defaults need not be sent. */
function without(body: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}
