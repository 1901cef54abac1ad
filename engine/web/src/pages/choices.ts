/** What is chosen on Insights, as it stands in the address: it can be linked to, and stays while answers come and go. */
import { refine } from "../route";

const NAMES = ["range", "emotion", "rows", "first", "first_day", "second", "second_day"] as const;
export type Choices = Partial<Record<(typeof NAMES)[number], string>>;

export interface Choosing {
  chosen: Choices;
  choose: (part: Choices) => void;
}

export function choicesIn(query: URLSearchParams): Choosing {
  const chosen: Choices = {};
  for (const name of NAMES) {
    const value = query.get(name);
    if (value) chosen[name] = value;
  }
  return { chosen, choose: (part) => refine(["insights"], { ...chosen, ...part }) };
}
