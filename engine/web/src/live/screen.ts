/** The canvas of one tile: draws the newest picture and skips those that came while it was busy. */
import type { Face } from "../types";
import { draw, type Frame } from "./draw";
import type { Picture } from "./hub";

export interface Shown {
  faces: readonly Face[];
  frameIndex: number;
  capturedAt: string;
}

export class Screen {
  skipped = 0;
  drawn = 0;
  /** When the picture on show was drawn, on the page's clock; null while there is none. */
  shownAt: number | null = null;
  private next: Picture | null = null;
  private busy = false;
  private last: Frame | null = null;
  private closed = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly onShown: (shown: Shown) => void,
  ) {}

  /** Takes a picture; one that still waits to be drawn gives way to it. */
  offer(picture: Picture): void {
    if (this.next) this.skipped += 1;
    this.next = picture;
    if (!this.busy) void this.work();
  }

  /** Faces without a picture. */
  sketch(faces: Face[], width: number, height: number): void {
    this.show({ picture: null, faces, width, height }, { faces, frameIndex: -1, capturedAt: "" });
  }

  /** Fits the canvas to its place and draws again. */
  resize(width: number, height: number): void {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (wide < 1 || high < 1 || (this.canvas.width === wide && this.canvas.height === high)) return;
    this.canvas.width = wide;
    this.canvas.height = high;
    if (this.last) draw(this.canvas, this.last, ratio);
  }

  /** Forgets the picture: nothing of it may stay visible. */
  clear(): void {
    this.next = null;
    this.last?.picture?.close();
    this.last = null;
    this.shownAt = null;
    this.canvas.getContext("2d", { alpha: false })?.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  close(): void {
    this.closed = true;
    this.clear();
  }

  private async work(): Promise<void> {
    this.busy = true;
    while (this.next && !this.closed) {
      const picture = this.next;
      this.next = null;
      try {
        const bitmap = await createImageBitmap(new Blob([picture.jpeg], { type: "image/jpeg" }));
        await new Promise((done) => requestAnimationFrame(done));
        if (this.closed) bitmap.close();
        else {
          const { faces, frameIndex, capturedAt } = picture;
          const [width, height] = [picture.width || bitmap.width, picture.height || bitmap.height];
          this.show({ picture: bitmap, faces, width, height }, { faces, frameIndex, capturedAt });
        }
      } catch {
        this.skipped += 1; // a torn picture; the next one is on its way
      }
    }
    this.busy = false;
  }

  private show(frame: Frame, shown: Shown): void {
    if (this.last?.picture !== frame.picture) this.last?.picture?.close();
    this.last = frame;
    this.drawn += 1;
    this.shownAt = performance.now();
    const boxes = draw(this.canvas, frame, Math.min(devicePixelRatio || 1, 2));
    this.canvas.dataset.at = shown.capturedAt;
    this.canvas.dataset.frame = String(shown.frameIndex);
    const told = boxes.map((box, place) => [frame.faces[place]?.track_id, box.x, box.y, box.width, box.height]);
    this.canvas.dataset.boxes = JSON.stringify(told);
    this.onShown(shown);
  }
}
