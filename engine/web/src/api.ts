/** Requests to the engine that served this page: the token goes with each, errors are problem documents. */

const STORE = "moodline.token";
const PATIENCE_MS = 15_000;
const refusedListeners = new Set<(wrong: boolean) => void>();

/** Why a request failed. `status` 0: no answer at all. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly errors: { field: string; message: string }[] = [],
    readonly document: Record<string, unknown> = {},
  ) {
    super(message);
  }
}

export function token(): string | null {
  return sessionStorage.getItem(STORE);
}

export function setToken(value: string | null): void {
  if (value === null) sessionStorage.removeItem(STORE);
  else sessionStorage.setItem(STORE, value);
}

/** Whether a header can carry it: browsers take Latin-1 there, and no pasted arrow or typographic quote. */
export function canBeSent(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]+$/.test(value);
}

/** Calls `listener` whenever the engine asks for a token; `wrong` says that it did not take the one that we had. */
export function onRefused(listener: (wrong: boolean) => void): () => void {
  refusedListeners.add(listener);
  return () => void refusedListeners.delete(listener);
}

export type Params = Record<string, string | number | boolean | null | undefined | readonly string[]>;

export function pathTo(path: string, params: Params = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) query.append(name, String(one));
  }
  const text = query.toString();
  // Relative to the page, which a proxy may serve below a path of its own.
  return `api/v1/${path}${text ? `?${text}` : ""}`;
}

/** Forgets a token that was refused. A late answer to one of before says nothing about the one we have now. */
function refused(sent: string | null): void {
  if (token() !== sent) return;
  setToken(null);
  for (const listener of refusedListeners) listener(sent !== null);
}

function headers(mine: string | null, extra: Record<string, string>): Record<string, string> {
  return mine ? { ...extra, Authorization: `Bearer ${mine}` } : extra;
}

/** The answer, whatever its body; throws `Problem`. Streams are read from it until `signal` ends them. */
export async function open(url: string, init: RequestInit = {}, extra: Record<string, string> = {}): Promise<Response> {
  const mine = token();
  let answer: Response;
  try {
    answer = await fetch(url, { cache: "no-store", credentials: "omit", ...init, headers: headers(mine, extra) });
  } catch (error) {
    if (init.signal?.aborted && init.signal.reason?.name !== "TimeoutError") throw error;
    throw new Problem(0, error instanceof Error ? error.message : String(error));
  }
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (answer.status === 401) refused(mine);
  throw problem;
}

async function problemOf(answer: Response): Promise<Problem> {
  try {
    const body = await answer.json();
    return new Problem(answer.status, String(body.detail ?? body.title ?? answer.status), body.errors ?? [], body);
  } catch {
    return new Problem(answer.status, answer.statusText || String(answer.status));
  }
}

export async function get<T>(path: string, params: Params = {}, signal?: AbortSignal): Promise<T> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  const answer = await open(pathTo(path, params), { signal: signal ? AbortSignal.any([signal, patience]) : patience });
  return (await answer.json()) as T;
}

export async function send<T>(method: "POST" | "PATCH" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, signal: AbortSignal.timeout(2 * PATIENCE_MS) };
  if (body !== undefined) init.body = JSON.stringify(body);
  const answer = await open(pathTo(path), init, body === undefined ? {} : { "Content-Type": "application/json" });
  const text = await answer.text();
  return (text ? JSON.parse(text) : null) as T;
}
