/** One WebSocket to the engine: pictures go out when there is room for them, faces come back. */
import { pathTo, token } from "../api";
import type { Face } from "../types";

const HEADER_BYTES = 16;
const MAGIC = 0x4d4c4331; // MLC1
const CROWDED_BYTES = 256 * 1024;

export interface Welcome {
  source_id: string;
  max_bytes: number;
  max_pixels: number;
  window: number;
  /** Whether faces will be told at all. */
  faces: boolean;
}

export interface Seen {
  sequence: number;
  width: number;
  height: number;
  faces: Face[];
}

type Message = ({ type: "ready" } & Welcome) | { type: "taken" | "failed"; sequence: number } | ({ type: "faces" } & Seen);

export interface Hearing {
  ready(welcome: Welcome): void;
  seen(seen: Seen): void;
  /** Some picture was taken: there may be room for another. */
  taken(): void;
  /** `code` 1006: no connection, or none any more. */
  closed(code: number, reason: string, welcomed: boolean): void;
}

export class Link {
  private readonly socket: WebSocket;
  private welcome: Welcome | null = null;
  private sent = 0;
  private taken = 0;
  private readonly sentAt = new Map<number, number>();
  /** From the camera to the engine's eyes, of the last picture. */
  delayMs: number | null = null;

  constructor(id: string, private readonly hearing: Hearing) {
    const url = new URL(pathTo(`sources/${encodeURIComponent(id)}/camera`), location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const mine = token();
    this.socket = new WebSocket(url, ["moodline.camera", ...(mine ? [`bearer.${base64url(mine)}`] : [])]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.hear(JSON.parse(String(event.data)) as Message);
    this.socket.onclose = (event) => this.hearing.closed(event.code, event.reason, this.welcome !== null);
  }

  /** Whether another picture may go now. */
  get hasRoom(): boolean {
    const open = this.welcome && this.socket.readyState === WebSocket.OPEN && this.socket.bufferedAmount < CROWDED_BYTES;
    return Boolean(open) && this.sent - this.taken < (this.welcome?.window ?? 0);
  }

  get maxPixels(): number {
    return this.welcome?.max_pixels ?? 0;
  }

  /** The number it went under; null where it could not go. */
  send(jpeg: ArrayBuffer, takenAtMs: number): number | null {
    if (!this.hasRoom || HEADER_BYTES + jpeg.byteLength > (this.welcome?.max_bytes ?? 0)) return null;
    const message = new Uint8Array(HEADER_BYTES + jpeg.byteLength);
    const header = new DataView(message.buffer);
    this.sent += 1;
    header.setUint32(0, MAGIC);
    header.setUint32(4, this.sent);
    header.setFloat64(8, takenAtMs);
    message.set(new Uint8Array(jpeg), HEADER_BYTES);
    this.sentAt.set(this.sent, takenAtMs);
    this.socket.send(message);
    return this.sent;
  }

  close(): void {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
  }

  private hear(message: Message): void {
    if (message.type === "ready") this.hearing.ready((this.welcome = message));
    else if (message.type === "faces") this.hearing.seen(message);
    else if (message.type === "taken") {
      this.taken = message.sequence;
      this.delayMs = performance.now() - (this.sentAt.get(message.sequence) ?? performance.now());
      for (const sequence of this.sentAt.keys()) if (sequence <= message.sequence) this.sentAt.delete(sequence);
      this.hearing.taken();
    }
  }
}

function base64url(text: string): string {
  const bytes = String.fromCharCode(...new TextEncoder().encode(text));
  return btoa(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
