/** The frame around the pages: sign-in, navigation, the bar that tells of trouble. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { get, onRefused, Problem, setToken } from "./api";
import { WebcamPanel } from "./camera/panel";
import { keepTrying, useTrouble } from "./connection";
import { CamerasPage } from "./pages/cameras";
import { EnginePage } from "./pages/engine";
import { InsightsPage } from "./pages/insights";
import { LivePage } from "./pages/live";
import { LoginPage } from "./pages/login";
import { TrackPage } from "./pages/track";
import { TracksPage } from "./pages/tracks";
import { Icon, Logo } from "./parts/icons";
import { Loading } from "./parts/states";
import { href, type Route, useRoute } from "./route";
import { SessionContext } from "./session";
import { Settings } from "./settings";
import { t, useLanguage } from "./text";
import type { Session } from "./types";

const PAGES = ["live", "tracks", "insights", "cameras", "engine"] as const;

/** Null: not known yet. A problem: a token is needed, or this one does not do. */
type Entry = { session: Session | null; refused: Problem | null };

function useEntry(): [Entry, (token: string | null) => void] {
  const [entry, setEntry] = useState<Entry>({ session: null, refused: null });
  const [round, setRound] = useState(0);
  useEffect(() => onRefused(() => setEntry({ session: null, refused: new Problem(401, "") })), []);
  useEffect(() => {
    const ending = new AbortController();
    void keepTrying("session", ending.signal, async (alive) => {
      try {
        const session = await get<Session>("session", {}, ending.signal);
        alive();
        setEntry({ session, refused: null });
        ending.abort();
      } catch (error) {
        if (error instanceof Problem && [401, 403, 429].includes(error.status)) {
          alive();
          setEntry({ session: null, refused: error });
          ending.abort();
        } else throw error;
      }
    });
    return () => ending.abort();
  }, [round]);
  const enter = useCallback((token: string | null) => {
    setToken(token);
    setRound((n) => n + 1);
  }, []);
  return [entry, enter];
}

export function App() {
  useLanguage();
  const [{ session, refused }, enter] = useEntry();
  const route = useRoute();
  if (refused) {
    return (
      <>
        <TroubleBar />
        <LoginPage problem={refused} enter={enter} />
      </>
    );
  }
  return (
    <SessionContext.Provider value={session}>
      <a class="skip" href="#page" onClick={toPage}>
        {t("nav.skip")}
      </a>
      <TroubleBar />
      <div class="frame">
        <Navigation here={route.parts[0] ?? "live"} session={session} leave={() => enter(null)} />
        <main id="page" tabIndex={-1}>
          {session ? <Place route={route} key={route.parts.join("/")} /> : <Loading />}
        </main>
      </div>
      {session && <WebcamPanel />}
    </SessionContext.Provider>
  );
}

function toPage(event: Event): void {
  event.preventDefault();
  document.getElementById("page")?.focus();
}

function Place({ route }: { route: Route }) {
  const [page, uid] = route.parts;
  useEffect(() => {
    document.title = `${t(`nav.${PAGES.find((name) => name === page) ?? "live"}`)} · moodline`;
  }, [page]);
  if (page === "tracks") return uid ? <TrackPage uid={uid} query={route.query} /> : <TracksPage query={route.query} />;
  if (page === "insights") return <InsightsPage query={route.query} />;
  if (page === "cameras") return <CamerasPage />;
  if (page === "engine") return <EnginePage />;
  return <LivePage />;
}

function Navigation({ here, session, leave }: { here: string; session: Session | null; leave: () => void }) {
  return (
    <nav aria-label={t("nav.label")}>
      <a class="brand" href={href(["live"])}>
        <Logo />
        <span>
          moodline
          {session && <small><bdi>{session.name}</bdi></small>}
        </span>
      </a>
      <ul>
        {PAGES.map((page) => (
          <li key={page}>
            <a href={href([page])} aria-current={here === page ? "page" : undefined}>
              <Icon name={page} />
              <span>{t(`nav.${page}`)}</span>
            </a>
          </li>
        ))}
      </ul>
      <Settings session={session} leave={leave} />
    </nav>
  );
}

/** One quiet line at the top, while the engine is away and for a moment after. */
function TroubleBar() {
  const trouble = useTrouble();
  const [back, setBack] = useState(false);
  const was = useRef(false);
  useEffect(() => {
    if (trouble !== null) {
      was.current = true;
      setBack(false);
      return undefined;
    }
    if (!was.current) return undefined;
    was.current = false;
    setBack(true);
    const timer = setTimeout(() => setBack(false), 3000);
    return () => clearTimeout(timer);
  }, [trouble]);
  const text = trouble !== null ? trouble || t("state.away") : back ? t("state.back") : "";
  return (
    <div class={`bar${trouble !== null ? " away" : ""}`} role="status" hidden={!text}>
      {text}
    </div>
  );
}
