/** Asks for a token. */
import { useState } from "preact/hooks";
import type { Problem } from "../api";
import { Field, Switch } from "../parts/basics";
import { Logo } from "../parts/icons";
import { useTitle } from "../route";
import { t } from "../text";

function trouble(problem: Problem, wrong: boolean): string | null {
  if (problem.status === 429) return t("login.wait");
  if (problem.status === 403) return t("login.scope");
  return wrong ? t("login.wrong") : null;
}

export function LoginPage({ problem, wrong, enter }: { problem: Problem; wrong: boolean; enter: (token: string) => void }) {
  const [text, setText] = useState("");
  const [shown, setShown] = useState(false);
  const error = trouble(problem, wrong);
  useTitle(t("login.title"));
  return (
    <main class="login">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          if (text.trim()) enter(text.trim());
        }}
      >
        <Logo />
        <h1>{t("login.title")}</h1>
        <p class="lead">{t("login.lead")}</p>
        <Field name={t("login.token")} how={t("login.kept")} {...(error ? { error } : {})}>
          <input
            type={shown ? "text" : "password"}
            autoComplete="off"
            spellcheck={false}
            autoFocus
            required
            aria-invalid={error !== null}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </Field>
        <div class="row">
          <Switch name={t("login.show")} on={shown} onChange={setShown} />
          <button type="submit" class="main">
            {t("login.go")}
          </button>
        </div>
      </form>
    </main>
  );
}
