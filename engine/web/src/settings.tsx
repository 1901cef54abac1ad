/** Language, appearance and who is signed in: the foot of the navigation. */
import { useState } from "preact/hooks";
import { Select } from "./parts/basics";
import { type Choice, choice, choose } from "./theme";
import { type Language, LANGUAGES, language, setLanguage, t } from "./text";
import type { Session } from "./types";

export function Settings({ session, leave }: { session: Session | null; leave: () => void }) {
  const [theme, setTheme] = useState<Choice>(choice);
  const themes = (["auto", "dark", "light"] as const).map((one) => [one, t(`theme.${one}`)] as const);
  return (
    <div class="settings">
      <Select hideName name={t("nav.theme")} value={theme} options={themes} onChange={(next) => {
        choose(next as Choice);
        setTheme(next as Choice);
      }} />
      <Select hideName name={t("nav.language")} value={language()} options={Object.entries(LANGUAGES)}
        onChange={(next) => setLanguage(next as Language)} />
      {session && (
        <p class="role">
          <span>{t(!session.tokens ? "role.open" : session.scopes.includes("operate") ? "role.operate" : "role.read")}</span>
          {session.tokens && (
            <button type="button" class="link" onClick={leave}>
              {t("nav.signOut")}
            </button>
          )}
        </p>
      )}
      <p class="version">{session?.version}</p>
    </div>
  );
}
