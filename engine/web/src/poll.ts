/** Answers that are asked for again and again while somebody looks. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, type Params, pathTo, Problem } from "./api";
import { keepTrying, pause, warn, whileVisible } from "./connection";
import { duration } from "./format";
import { rates } from "./rates";
import { t } from "./text";
import type { Status } from "./types";

export interface Asked<T> {
  data: T | null;
  problem: Problem | null;
  again: () => void;
}

function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, error instanceof Error ? error.message : String(error));
}

/**
 * What `ask` brings, asked anew every `everyMs` (once where it is 0) while the page can be seen.
 *
 * While the engine is away, and until a new one comes, the last answer stays; another `key` is another question.
 * `key` null asks nothing.
 */
export function useAsked<T>(key: string | null, ask: (signal: AbortSignal) => Promise<T>, everyMs = 0): Asked<T> {
  const [state, setState] = useState<{ key: string; data: T | null; problem: Problem | null } | null>(null);
  const [round, setRound] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    if (key === null) return undefined;
    return whileVisible(() => {
      const ending = new AbortController();
      void keepTrying(key, ending.signal, async (alive) => {
        do {
          try {
            const data = await latest.current(ending.signal);
            alive();
            setState({ key, data, problem: null });
          } catch (error) {
            if (ending.signal.aborted) return;
            setState((old) => ({ key, data: old?.key === key ? old.data : null, problem: asProblem(error) }));
            throw error;
          }
          if (everyMs === 0) ending.abort();
          else await pause(everyMs, ending.signal);
        } while (!ending.signal.aborted);
      });
      return () => ending.abort();
    });
  }, [key, everyMs, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  const fresh = state?.key === key ? state : null;
  return { data: fresh?.data ?? null, problem: fresh?.problem ?? null, again };
}

/** The answer to `path`; other parameters are another question. */
export function useAnswer<T>(path: string | null, params: Params = {}, everyMs = 0): Asked<T> {
  return useAsked<T>(path === null ? null : pathTo(path, params), (signal) => get<T>(path as string, params, signal), everyMs);
}

/** The whole run, every two seconds. */
/** What nobody should overlook, on whichever page; empty when all is well. */
function illness({ stuck, history }: Status): string {
  const [hung] = stuck ?? [];
  if (hung) return t("engine.stuck", { stage: hung.stage, time: duration(Math.round(hung.for_s)) });
  return history.state !== "ok" && history.pending ? t("engine.waits", { why: history.detail }) : "";
}

export function useStatus(everyMs = 2000): Asked<Status> {
  const asked = useAnswer<Status>("status", {}, everyMs);
  // Whichever page asks: who then looks at the engine's finds rates there.
  if (asked.data) rates.add(asked.data);
  const ill = asked.data ? illness(asked.data) : "";
  useEffect(() => {
    warn(ill);
    return () => warn("");
  }, [ill]);
  return asked;
}
