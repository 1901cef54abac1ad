/** Everything that the page says, by key, in the language chosen. */
import { useEffect, useState } from "preact/hooks";
import { de } from "./de";
import { en, type Key } from "./en";

export type { Key };
export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;
const TABLES: Record<Language, Record<Key, string>> = { en, de };

const STORE = "moodline.language";
const listeners = new Set<() => void>();
let current: Language = chosen();

function chosen(): Language {
  const kept = localStorage.getItem(STORE) ?? navigator.language.slice(0, 2);
  return kept in TABLES ? (kept as Language) : "en";
}

export function language(): Language {
  return current;
}

/** For numbers and times: the browser's own region where it speaks the language chosen. */
export function locale(): string {
  return navigator.languages.find((one) => one.slice(0, 2) === current) ?? current;
}

export function setLanguage(next: Language): void {
  current = next;
  localStorage.setItem(STORE, next);
  document.documentElement.lang = next;
  for (const listener of listeners) listener();
}

/** Draws the component anew when the language changes. */
export function useLanguage(): Language {
  const [, redraw] = useState(0);
  useEffect(() => {
    const listener = () => redraw((n) => n + 1);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, []);
  return current;
}

export function has(key: string): key is Key {
  return key in en;
}

/** The text of `key`, with `{name}` filled in. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  return TABLES[current][key].replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

document.documentElement.lang = current;
