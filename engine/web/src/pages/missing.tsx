/** What stands at an address that leads nowhere, such as an old bookmark. */
import { Note } from "../parts/states";
import { href } from "../route";
import { t } from "../text";

export function MissingPage() {
  return (
    <Note icon="alert" title={t("missing.title")} how={t("missing.how")}>
      <a class="button" href={href(["live"])}>{t("missing.go")}</a>
    </Note>
  );
}
