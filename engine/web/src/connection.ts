/** Whether the engine answers: everything that asks it reports here, and one bar tells. */
import { useEffect, useState } from "preact/hooks";
import { Problem } from "./api";

const FIRST_MS = 500;
const LONGEST_MS = 8_000;

const failing = new Map<string, string>();
const listeners = new Set<() => void>();

export function report(who: string, trouble: string | null): void {
  const before = failing.size;
  if (trouble === null) failing.delete(who);
  else failing.set(who, trouble);
  if (trouble !== null || failing.size !== before) for (const listener of listeners) listener();
}

/** No answer at all, or what the engine says is wrong with itself. A preview that is refused is told on its tile. */
function tell(who: string, error: unknown): void {
  const status = error instanceof Problem ? error.status : 0;
  if (status === 0) report(who, "");
  else if (who !== "preview") report(who, (error as Problem).message);
}

/** What is wrong now: empty while the engine does not answer, else its own words; null when all is well. */
export function useTrouble(): string | null {
  const [trouble, setTrouble] = useState<string | null>(null);
  useEffect(() => {
    const listener = () => setTrouble([...failing.values()][0] ?? null);
    listener();
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return trouble;
}

let warning = "";

/** What is wrong with an engine that answers; empty when nothing is. */
export function warn(text: string): void {
  if (text === warning) return;
  warning = text;
  for (const listener of listeners) listener();
}

export function useWarning(): string {
  const [shown, setShown] = useState(warning);
  useEffect(() => {
    const listener = () => setShown(warning);
    listener();
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return shown;
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}

/**
 * Runs `work` until `signal`, again and again when it ends or fails, with growing pauses.
 *
 * `work` calls `alive` whenever it hears from the engine. A refusal (401, 403) ends it: trying again would not help.
 */
export async function keepTrying(
  who: string,
  signal: AbortSignal,
  work: (alive: () => void) => Promise<void>,
): Promise<void> {
  let wait = FIRST_MS;
  const alive = () => {
    wait = FIRST_MS;
    report(who, null);
  };
  while (!signal.aborted) {
    try {
      await work(alive);
    } catch (error) {
      if (signal.aborted) break;
      if (error instanceof Problem && [401, 403, 404, 422].includes(error.status)) break;
      tell(who, error);
    }
    await pause(wait * (0.75 + Math.random() / 2), signal);
    wait = Math.min(2 * wait, LONGEST_MS);
  }
  report(who, null);
}

/** Calls `start` while the page can be seen; what it returns, when it no longer can. */
export function whileVisible(start: () => () => void): () => void {
  let stop: (() => void) | null = document.hidden ? null : start();
  const change = () => {
    if (document.hidden) {
      stop?.();
      stop = null;
    } else stop ??= start();
  };
  document.addEventListener("visibilitychange", change);
  return () => {
    document.removeEventListener("visibilitychange", change);
    stop?.();
  };
}
