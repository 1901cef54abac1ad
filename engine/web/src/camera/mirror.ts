/** The self-view: what was sent, as in a mirror, each picture with the faces that the engine found on that very one. */
import { draw } from "../live/draw";
import type { Face } from "../types";
import type { Seen } from "./link";

const WIDTH = 640;
const KEPT = 12;
/** After this long without faces pictures are shown as they are taken. */
const PATIENCE_MS = 700;

interface Kept {
  picture: ImageBitmap;
  width: number;
  height: number;
}

export function mirrored(faces: readonly Face[], width: number): Face[] {
  return faces.map((face) => ({ ...face, bbox: { ...face.bbox, x: width - face.bbox.x - face.bbox.width } }));
}

export class Mirror {
  private canvas: HTMLCanvasElement | null = null;
  private readonly glass = document.createElement("canvas");
  private readonly kept = new Map<number, Kept>();
  private last: (Kept & { faces: Face[] }) | null = null;
  private seenAt = -Infinity;
  /** Grows whenever numbers begin anew. */
  private round = 0;

  show(canvas: HTMLCanvasElement | null): void {
    this.canvas = canvas;
    this.redraw();
  }

  /** A picture is on its way under that number. */
  async offer(sequence: number, from: HTMLCanvasElement): Promise<void> {
    const { width, height } = from;
    const scale = Math.min(1, WIDTH / width);
    this.glass.width = Math.round(width * scale);
    this.glass.height = Math.round(height * scale);
    const pen = this.glass.getContext("2d", { alpha: false });
    if (!pen) return;
    pen.setTransform(-1, 0, 0, 1, this.glass.width, 0);
    pen.drawImage(from, 0, 0, this.glass.width, this.glass.height);
    const round = this.round;
    const picture = await createImageBitmap(this.glass);
    if (round !== this.round) return picture.close();
    this.kept.set(sequence, { picture, width, height });
    this.forget(sequence - KEPT);
    if (performance.now() - this.seenAt > PATIENCE_MS) this.put({ picture, width, height }, []);
  }

  /** What the engine has seen on one of them. */
  take({ sequence, faces, width }: Seen): void {
    const kept = this.kept.get(sequence);
    if (!kept) return;
    this.seenAt = performance.now();
    this.put(kept, mirrored(faces, width));
    this.forget(sequence - 1);
  }

  /** Numbers begin anew; what is on show stays until then. */
  restart(): void {
    this.round += 1;
    this.forget(Infinity);
    this.seenAt = -Infinity;
  }

  clear(): void {
    this.restart();
    this.last?.picture.close();
    this.last = null;
    this.canvas?.getContext("2d", { alpha: false })?.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  private put(kept: Kept, faces: Face[]): void {
    const before = this.last?.picture;
    this.last = { ...kept, faces };
    const needed = [kept, ...this.kept.values()].some(({ picture }) => picture === before);
    if (!needed) before?.close();
    this.redraw();
  }

  private redraw(): void {
    const canvas = this.canvas;
    if (!canvas || !this.last) return;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round((width * this.last.height) / this.last.width);
    if (width > 0 && (canvas.width !== width || canvas.height !== height)) Object.assign(canvas, { width, height });
    const boxes = draw(canvas, this.last, ratio);
    canvas.dataset.boxes = JSON.stringify(boxes.map((box) => [box.x, box.y, box.width, box.height].map(Math.round)));
  }

  /** Frees pictures up to that number, but for the one on show. */
  private forget(upTo: number): void {
    for (const [sequence, { picture }] of this.kept) {
      if (sequence > upTo) continue;
      this.kept.delete(sequence);
      if (picture !== this.last?.picture) picture.close();
    }
  }
}
