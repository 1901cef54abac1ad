/** Asks for a token. */
import { useState } from "preact/hooks";
import { type Problem, token } from "../api";
import { Field, Switch } from "../parts/basics";
import { Logo } from "../parts/icons";
import { t } from "../text";

function trouble(problem: Problem): string | null {
  if (problem.status === 429) return t("login.wait");
  if (problem.status === 403) return t("login.scope");
  return token() === null ? null : t("login.wrong");
}

export function LoginPage({ problem, enter }: { problem: Problem; enter: (token: string) => void }) {
  const [text, setText] = useState("");
  const [shown, setShown] = useState(false);
  const error = trouble(problem);
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
