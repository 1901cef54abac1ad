/** The frame around the pages: sign-in, navigation, the bar that tells of trouble. */
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { canBeSent, get, onRefused, Problem, setToken } from "./api";
import { WebcamPanel } from "./camera/panel";
import { keepTrying, useTrouble, useWarning } from "./connection";
import { CamerasPage } from "./pages/cameras";
import { EnginePage } from "./pages/engine";
import { InsightsPage } from "./pages/insights";
import { LivePage } from "./pages/live";
import { LoginPage } from "./pages/login";
import { MissingPage } from "./pages/missing";
import { TrackPage } from "./pages/track";
import { TracksPage } from "./pages/tracks";
import { Icon, Logo } from "./parts/icons";
import { Loading } from "./parts/states";
import { href, type Route, useRoute, useTitle } from "./route";
import { SessionContext } from "./session";
import { Settings } from "./settings";
import { t, useLanguage } from "./text";
import type { Session } from "./types";

const PAGES = ["live", "tracks", "insights", "cameras", "engine"] as const;

/** Null: not known yet. A problem: a token is needed, or the one that we had does not do, which is `wrong`. */
type Entry = { session: Session | null; refused: Problem | null; wrong: boolean };

function useEntry(): [Entry, (token: string | null) => void] {
  const [entry, setEntry] = useState<Entry>({ session: null, refused: null, wrong: false });
  const [round, setRound] = useState(0);
  useEffect(() => onRefused((wrong) => setEntry({ session: null, refused: new Problem(401, ""), wrong })), []);
  useEffect(() => {
    const ending = new AbortController();
    void keepTrying("session", ending.signal, async (alive) => {
      try {
        const session = await get<Session>("session", {}, ending.signal);
        alive();
        setEntry({ session, refused: null, wrong: false });
        ending.abort();
      } catch (error) {
        if (error instanceof Problem && [401, 403, 429].includes(error.status)) {
          alive();
          // Of 401 the listener has told, with what was wrong; a token that may not look is no better.
          if (error.status === 403) setToken(null);
          if (error.status !== 401) setEntry({ session: null, refused: error, wrong: false });
          ending.abort();
        } else throw error;
      }
    });
    return () => ending.abort();
  }, [round]);
  const enter = useCallback((token: string | null) => {
    if (token !== null && !canBeSent(token)) return setEntry({ session: null, refused: new Problem(401, ""), wrong: true });
    setToken(token);
    setRound((n) => n + 1);
  }, []);
  return [entry, enter];
}

export function App() {
  useLanguage();
  const [{ session, refused, wrong }, enter] = useEntry();
  const route = useRoute();
  if (refused) {
    return (
      <>
        <TroubleBar />
        <LoginPage problem={refused} wrong={wrong} enter={enter} />
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
  const [page = "live", uid] = route.parts;
  const known = PAGES.find((name) => name === page);
  useTitle(t(known ? `nav.${known}` : "missing.title"));
  if (page === "tracks") return uid ? <TrackPage uid={uid} query={route.query} /> : <TracksPage query={route.query} />;
  if (page === "insights") return <InsightsPage query={route.query} />;
  if (page === "cameras") return <CamerasPage />;
  if (page === "engine") return <EnginePage />;
  if (page === "live") return <LivePage />;
  return <MissingPage />;
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
  const warning = useWarning();
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
  const text = trouble !== null ? trouble || t("state.away") : warning || (back ? t("state.back") : "");
  return (
    <div class={`bar${trouble !== null || warning ? " away" : ""}`} role="status" hidden={!text}>
      {text}
    </div>
  );
}
