/** Cuts a multipart stream (MJPEG) into its parts. Each part must state its Content-Length. */

export interface Part {
  headers: Map<string, string>;
  body: Uint8Array<ArrayBuffer>;
}

const LIMIT = 16 * 2 ** 20;

export class PartReader {
  private buffer = new Uint8Array(2 ** 16);
  private from = 0;
  private to = 0;

  /** The parts that `chunk` completes. Throws when the stream is none. */
  take(chunk: Uint8Array): Part[] {
    this.append(chunk);
    const parts: Part[] = [];
    for (let part = this.next(); part; part = this.next()) parts.push(part);
    return parts;
  }

  private append(chunk: Uint8Array): void {
    if (this.from === this.to) this.from = this.to = 0;
    if (this.to + chunk.length > this.buffer.length) {
      const held = this.to - this.from;
      if (held + chunk.length > LIMIT) throw new Error("a part of the stream is too large");
      const roomy = held + chunk.length > this.buffer.length / 2;
      const bigger = roomy ? new Uint8Array(2 * (held + chunk.length)) : this.buffer;
      bigger.set(this.buffer.subarray(this.from, this.to));
      this.buffer = bigger;
      this.from = 0;
      this.to = held;
    }
    this.buffer.set(chunk, this.to);
    this.to += chunk.length;
  }

  private next(): Part | null {
    const end = this.endOfHead();
    if (end < 0) return null;
    const head = new TextDecoder().decode(this.buffer.subarray(this.from, end));
    const headers = new Map<string, string>();
    for (const line of head.split("\r\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) headers.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim());
    }
    if (headers.size === 0) {
      // Boundaries alone, as at the end.
      this.from = end + 2;
      return this.next();
    }
    const length = Number(headers.get("content-length") ?? Number.NaN);
    if (!Number.isInteger(length) || length < 0 || length > LIMIT) throw new Error("a part does not state its length");
    const start = end + 4;
    if (this.to < start + length) return null;
    this.from = start + length;
    return { headers, body: this.buffer.slice(start, start + length) };
  }

  /** Where the empty line begins that ends the head; -1 when it has not arrived. */
  private endOfHead(): number {
    for (let at = this.from; at + 3 < this.to; at++) {
      const here = this.buffer;
      if (here[at] === 13 && here[at + 1] === 10 && here[at + 2] === 13 && here[at + 3] === 10) {
        // Line ends between parts are no head.
        if (at > this.from) return at;
        this.from += 2;
      }
    }
    return -1;
  }
}
