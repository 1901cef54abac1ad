/** The small parts that pages are made of. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { colourOf, inkOn, nameOf } from "../emotions";
import { percent } from "../format";
import { t } from "../text";

export function Header({ title, lead, children }: { title: ComponentChildren; lead?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <header class="page-head">
      <div>
        <h1>{title}</h1>
        {lead && <p class="lead">{lead}</p>}
      </div>
      {children && <div class="tools">{children}</div>}
    </header>
  );
}

export function Card({ title, lead, children, tools, wide }: {
  title?: ComponentChildren;
  lead?: string;
  children: ComponentChildren;
  tools?: ComponentChildren;
  wide?: boolean;
}) {
  return (
    <section class={wide ? "card wide" : "card"}>
      {title && (
        <div class="card-head">
          <div>
            <h2>{title}</h2>
            {lead && <p class="lead">{lead}</p>}
          </div>
          {tools && <div class="tools">{tools}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

/** An emotion: its colour with its name, or what is `said` in its place. */
export function Label({ label, confidence, said }: { label: string | null; confidence?: number | null; said?: string }) {
  return (
    <span class="label">
      <i style={{ background: colourOf(label) }} />
      <bdi>{said ?? nameOf(label)}</bdi>
      {confidence !== undefined && confidence !== null && <span class="dim">{percent(confidence)}</span>}
    </span>
  );
}

/** The same, filled. */
export function Chip({ label }: { label: string | null }) {
  const colour = colourOf(label);
  return (
    <span class="chip" style={{ background: colour, color: inkOn(colour) }}>
      <bdi>{nameOf(label)}</bdi>
    </span>
  );
}

export function Field({ name, how, error, kind, children }: {
  name: string;
  how?: string;
  error?: string;
  kind?: string;
  children: ComponentChildren;
}) {
  return (
    <label class={`field ${kind ?? ""}`}>
      <span>{name}</span>
      {children}
      {error && <small class="bad">{error}</small>}
      {how && <small>{how}</small>}
    </label>
  );
}

export function Select({ name, value, options, onChange, hideName }: {
  name: string;
  value: string;
  options: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
  hideName?: boolean;
}) {
  return (
    <label class="field">
      <span class={hideName ? "sr" : ""}>{name}</span>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {options.map(([key, text]) => (
          <option value={key} key={key} selected={key === value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Switch({ name, on, onChange }: { name: string; on: boolean; onChange: (on: boolean) => void }) {
  return (
    <button type="button" class="switch" role="switch" aria-checked={on} onClick={() => onChange(!on)}>
      <i />
      {name}
    </button>
  );
}

/** A question on top of the page; Escape and Cancel close it. */
export function Dialog({ title, onClose, children }: { title: ComponentChildren; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const dialog = box.current;
    dialog?.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={box} onClose={onClose} onCancel={onClose} aria-labelledby="dialog-title">
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}

export function Confirm({ title, lead, go, busy, problem, onGo, onClose }: {
  title: string;
  lead: string;
  go: string;
  busy: boolean;
  problem: string | null;
  onGo: () => void;
  onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{lead}</p>
      {problem && (
        <p class="bad" role="alert">
          {problem}
        </p>
      )}
      <div class="row end">
        <button type="button" onClick={onClose}>
          {t("track.cancel")}
        </button>
        <button type="button" class="danger" disabled={busy} onClick={onGo}>
          {go}
        </button>
      </div>
    </Dialog>
  );
}

/** Parts of a whole as one bar. */
export function ShareBar({ parts }: { parts: readonly (readonly [string | null, number])[] }) {
  const text = parts.map(([label, share]) => `${nameOf(label)} ${percent(share)}`).join(", ");
  return (
    <div class="share-bar" role="img" aria-label={text}>
      {parts.map(([label, share]) => (
        <i key={label} title={`${nameOf(label)} ${percent(share)}`} style={{ width: `${100 * share}%`, background: colourOf(label) }} />
      ))}
    </div>
  );
}
