/** Full screen: one element alone, and whether it is that right now. */
import { useEffect, useState } from "preact/hooks";

type Place = { current: HTMLElement | null };

/** Phones of one maker have none for anything but films. */
export const canFill = (): boolean => document.fullscreenEnabled;

/** Whether the element is what fills the screen. */
export function useFull(place: Place): boolean {
  const [full, setFull] = useState(false);
  useEffect(() => {
    const look = () => setFull(place.current !== null && document.fullscreenElement === place.current);
    look();
    document.addEventListener("fullscreenchange", look);
    return () => document.removeEventListener("fullscreenchange", look);
  }, []);
  return full;
}

/** In, or out again; out of a tile that was opened from the whole wall leads back to the wall. */
export function toggleFull(place: Place): void {
  const element = place.current;
  if (element && document.fullscreenElement === element) void document.exitFullscreen();
  else void element?.requestFullscreen().catch(() => undefined);
}
