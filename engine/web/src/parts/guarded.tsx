/** A button that tells why it does nothing. One that is disabled can be neither touched nor reached by keys. */
import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

interface GuardedProps {
  /** Why it may not be pressed; null where it may. */
  why: string | null;
  /** The id of what says so already, for all to see. */
  by?: string;
  class?: string;
  disabled?: boolean;
  onClick: () => void;
  children: ComponentChildren;
}

export function Guarded({ why, by, class: kind = "", disabled, onClick, children }: GuardedProps) {
  const [asked, setAsked] = useState(false);
  const id = useId();
  const button = (
    <button type="button" class={kind} disabled={disabled} title={why ?? ""} aria-disabled={why !== null}
      aria-describedby={why === null ? undefined : (by ?? id)} onClick={() => (why === null ? onClick() : setAsked(!asked))}
      onBlur={() => setAsked(false)}>
      {children}
    </button>
  );
  if (why === null) return button;
  return (
    <span class="guarded">
      {button}
      {!by && <small id={id} class={asked ? "why" : "sr"} role={asked ? "status" : undefined}>{why}</small>}
    </span>
  );
}
