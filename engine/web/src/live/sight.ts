/** What a tile knows of its own picture: whether it can be seen, what is on it, how old it is. */
import { useEffect, useRef, useState } from "preact/hooks";
import { Screen, type Shown } from "./screen";

const TELL_MS = 500;

/** True while some of the element can be seen. */
export function useSeen(box: { current: HTMLElement | null }): boolean {
  const [seen, setSeen] = useState(false);
  useEffect(() => {
    if (!box.current) return undefined;
    const watcher = new IntersectionObserver((entries) => setSeen(entries.some((entry) => entry.isIntersecting)));
    watcher.observe(box.current);
    return () => watcher.disconnect();
  }, []);
  return seen;
}

/** Hands on at most one value in each `TELL_MS`; the last one always. */
class Teller<T> {
  private told = -Infinity;
  private timer = 0;
  private latest: T | null = null;

  constructor(private readonly tell: (value: T) => void) {}

  take(value: T): void {
    this.latest = value;
    if (this.timer) return;
    const wait = this.told + TELL_MS - performance.now();
    if (wait <= 0) this.say();
    else this.timer = window.setTimeout(() => this.say(), wait);
  }

  /** What was not told yet will not be. */
  drop(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    this.latest = null;
  }

  private say(): void {
    const { latest } = this;
    this.drop();
    this.told = performance.now();
    if (latest !== null) this.tell(latest);
  }
}

interface Sight {
  screen: { current: Screen | null };
  shown: Shown | null;
  /** Nothing of the picture may stay visible. */
  forget: () => void;
}

/** A screen on the canvas, as large as its place. What it shows is told at most twice a second. */
export function useScreen(canvas: { current: HTMLCanvasElement | null }): Sight {
  const screen = useRef<Screen | null>(null);
  const teller = useRef<Teller<Shown> | null>(null);
  const [shown, setShown] = useState<Shown | null>(null);
  useEffect(() => {
    const here = canvas.current;
    if (!here) return undefined;
    const telling = new Teller<Shown>(setShown);
    const made = new Screen(here, (now) => telling.take(now));
    screen.current = made;
    teller.current = telling;
    const watcher = new ResizeObserver(() => made.resize(here.clientWidth, here.clientHeight));
    watcher.observe(here);
    return () => {
      watcher.disconnect();
      telling.drop();
      made.close();
    };
  }, []);
  const forget = () => {
    screen.current?.clear();
    teller.current?.drop();
    setShown(null);
  };
  return { screen, shown, forget };
}

/** Seconds since the picture was drawn, once that is more than `oldS`; null while it is fresh, or there is none. */
export function useAge(screen: { current: Screen | null }, on: boolean, oldS: number): number | null {
  const [age, setAge] = useState<number | null>(null);
  useEffect(() => {
    const look = () => {
      const at = screen.current?.shownAt ?? null;
      const seconds = at === null || !on ? 0 : Math.floor((performance.now() - at) / 1000);
      setAge(seconds > oldS ? seconds : null);
    };
    look();
    if (!on) return undefined;
    const timer = setInterval(look, 1000);
    return () => clearInterval(timer);
  }, [on, oldS]);
  return age;
}
