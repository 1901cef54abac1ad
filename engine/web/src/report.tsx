/**
 * A page of its own that shows the trainer's report on a model: asked for with the token, shown in a frame without rights.
 *
 * The frame has no scripts and no origin, so whoever wrote the report, it can only be read.
 */
import { useEffect, useState } from "preact/hooks";
import { open, pathTo, Problem } from "./api";
import { Loading, Note } from "./parts/states";
import { t, useLanguage } from "./text";

/** Where the report on a model is shown. It takes over the token of the tab that opens it. */
export function reportHref(name: string): string {
  return `report.html#${encodeURIComponent(name)}`;
}

function named(): string {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return "";
  }
}

/** The report without its script, which could not run, and with links that open beside it. */
function readable(html: string): string {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const one of page.querySelectorAll("script, meta[http-equiv=refresh i]")) one.remove();
  for (const link of page.querySelectorAll("a[href]")) {
    const target = link.getAttribute("href") ?? "";
    if (target.startsWith("#")) {
      // Alone it would be a place in the page around the frame.
      link.setAttribute("href", `about:srcdoc${target}`);
      continue;
    }
    link.setAttribute("target", "_blank");
    link.setAttribute("rel", "noopener noreferrer");
  }
  return `<!DOCTYPE html>${page.documentElement.outerHTML}`;
}

export function Report() {
  useLanguage();
  const [name, setName] = useState(named);
  const [html, setHtml] = useState<string | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    const change = () => setName(named());
    addEventListener("hashchange", change);
    return () => removeEventListener("hashchange", change);
  }, []);
  useEffect(() => {
    const ending = new AbortController();
    document.title = t("report.title", { name });
    setHtml(null);
    setProblem(null);
    open(pathTo(`models/${encodeURIComponent(name)}/report`), { signal: ending.signal })
      .then((answer) => answer.text())
      .then((text) => setHtml(readable(text)))
      .catch((error) => {
        if (!ending.signal.aborted) setProblem(error instanceof Problem ? error : new Problem(0, ""));
      });
    return () => ending.abort();
  }, [name]);
  if (problem) return <main><Note icon="alert" title={why(problem)} how={problem.message}><Back /></Note></main>;
  if (html === null) return <main><Loading /></main>;
  return (
    <main class="report">
      <iframe title={t("report.title", { name })} sandbox="allow-popups allow-popups-to-escape-sandbox" srcdoc={html} />
    </main>
  );
}

function why(problem: Problem): string {
  if (problem.status === 0) return t("state.offline");
  if (problem.status === 401 || problem.status === 429) return t("report.signIn");
  return problem.status === 404 ? t("report.none") : t("state.failed");
}

function Back() {
  return <a class="button" href="./#/engine">{t("engine.title")}</a>;
}
