/** Dark or light: as the system says, or as chosen here. */
import { useEffect, useState } from "preact/hooks";

const STORE = "moodline.theme";
const listeners = new Set<() => void>();
const system = matchMedia("(prefers-color-scheme: dark)");

export type Choice = "auto" | "dark" | "light";

export function choice(): Choice {
  const kept = localStorage.getItem(STORE);
  return kept === "dark" || kept === "light" ? kept : "auto";
}

export function choose(next: Choice): void {
  localStorage.setItem(STORE, next);
  apply();
}

export function shown(): "dark" | "light" {
  const chosen = choice();
  return chosen === "auto" ? (system.matches ? "dark" : "light") : chosen;
}

function apply(): void {
  document.documentElement.dataset.theme = shown();
  for (const listener of listeners) listener();
}

export function useTheme(): string {
  const [theme, setTheme] = useState(shown);
  useEffect(() => {
    const listener = () => setTheme(shown());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return theme;
}

system.addEventListener("change", apply);
apply();
