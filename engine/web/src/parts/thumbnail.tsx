/** A small picture of a face, where the engine keeps one, and a drawn head where it does not. */
import { useEffect, useRef, useState } from "preact/hooks";
import { open, pathTo } from "../api";
import { useSession } from "../session";
import type { Track } from "../types";
import { Icon } from "./icons";

/** The engine forgets faces after an hour; older ones are not asked for. */
const KEPT_MS = 3_600_000;
const PATIENCE_MS = 10_000;

/** Nothing where thumbnails are not allowed. The name stands beside it, so screen readers need not hear of it. */
export function Thumbnail({ track, large }: { track: Track; large?: boolean }) {
  const { thumbnails } = useSession();
  const canvas = useRef<HTMLCanvasElement>(null);
  const [shown, setShown] = useState(false);
  const { track_uid: uid, state } = track;
  const young = Date.now() - Date.parse(track.last_seen) < KEPT_MS;
  useEffect(() => {
    if (!thumbnails || !young) return;
    const ending = new AbortController();
    void look(uid, ending.signal).then((face) => {
      if (face && canvas.current && !ending.signal.aborted) setShown(draw(canvas.current, face));
    });
    return () => ending.abort();
  }, [uid, state, thumbnails]);
  if (!thumbnails) return null;
  return (
    <span class={`thumbnail ${large ? "large" : ""}`} aria-hidden="true">
      {!shown && <Icon name="tracks" />}
      <canvas ref={canvas} hidden={!shown} />
    </span>
  );
}

/** The token goes with the request, which the address of an image could not do. */
async function look(uid: string, signal: AbortSignal): Promise<ImageBitmap | null> {
  try {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
    const answer = await open(pathTo(`tracks/${encodeURIComponent(uid)}/thumbnail.jpg`), { signal: patience });
    return await createImageBitmap(await answer.blob());
  } catch {
    return null;
  }
}

function draw(canvas: HTMLCanvasElement, face: ImageBitmap): boolean {
  canvas.width = face.width;
  canvas.height = face.height;
  canvas.getContext("2d")?.drawImage(face, 0, 0);
  face.close();
  return true;
}
