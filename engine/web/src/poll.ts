/** Answers that are asked for again and again while somebody looks. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, type Params, pathTo, Problem } from "./api";
import { keepTrying, pause, whileVisible } from "./connection";
import { rates } from "./rates";
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
 * The answer to `path`, asked anew every `everyMs` (once where it is 0) while the page can be seen.
 *
 * While the engine is away the last answer stays. `path` null asks nothing.
 */
export function useAnswer<T>(path: string | null, params: Params = {}, everyMs = 0): Asked<T> {
  const [state, setState] = useState<{ url: string; data: T | null; problem: Problem | null } | null>(null);
  const [round, setRound] = useState(0);
  const url = path === null ? "" : pathTo(path, params);
  const latest = useRef(params);
  latest.current = params;
  useEffect(() => {
    if (path === null) return undefined;
    return whileVisible(() => {
      const ending = new AbortController();
      void keepTrying(url, ending.signal, async (alive) => {
        do {
          try {
            const data = await get<T>(path, latest.current, ending.signal);
            alive();
            setState({ url, data, problem: null });
          } catch (error) {
            if (ending.signal.aborted) return;
            setState((old) => ({ url, data: old?.url === url ? old.data : null, problem: asProblem(error) }));
            throw error;
          }
          if (everyMs === 0) ending.abort();
          else await pause(everyMs, ending.signal);
        } while (!ending.signal.aborted);
      });
      return () => ending.abort();
    });
  }, [url, everyMs, round]);
  const again = useCallback(() => setRound((n) => n + 1), []);
  const fresh = state?.url === url ? state : null;
  return { data: fresh?.data ?? null, problem: fresh?.problem ?? null, again };
}

/** The whole run, every two seconds. */
export function useStatus(everyMs = 2000): Asked<Status> {
  const asked = useAnswer<Status>("status", {}, everyMs);
  // Whichever page asks: who then looks at the engine's finds rates there.
  if (asked.data) rates.add(asked.data);
  return asked;
}
