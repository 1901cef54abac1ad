/** Who looks: what the engine lets this page do. */
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "./types";

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error("no session");
  return session;
}

/** Whether cameras can be added and changed here, and by us. */
export function useMayChange(): boolean {
  const session = useSession();
  return session.sources && session.scopes.includes("operate");
}

export function useMayOperate(): boolean {
  return useSession().scopes.includes("operate");
}
