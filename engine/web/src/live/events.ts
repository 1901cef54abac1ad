/** Events as they come: server-sent events read through fetch, which can send the token. */
import { open, pathTo, Problem } from "../api";
import { keepTrying } from "../connection";
import type { EngineEvent } from "../types";

/** The engine sends a comment every 15 s; after this long without a word the connection is dead. */
const SILENCE_MS = 40_000;

/** One message of the stream. */
export interface Message {
  id: string;
  data: string;
}

/** Cuts the text of a stream of server-sent events into messages; what is not finished yet is kept for later. */
export class MessageReader {
  private rest = "";

  take(text: string): Message[] {
    this.rest += text;
    const blocks = this.rest.split(/\r?\n\r?\n/);
    this.rest = blocks.pop() ?? "";
    return blocks.map(parse).filter((message): message is Message => message !== null);
  }
}

function parse(block: string): Message | null {
  let id = "";
  const data: string[] = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("id:")) id = line.slice(3).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return data.length ? { id, data: data.join("\n") } : null;
}

/** Calls `onEvent` for each event from now on, none missed while the engine was away, until `signal`. */
export function followEvents(onEvent: (event: EngineEvent) => void, signal: AbortSignal): Promise<void> {
  let last = "";
  return keepTrying("events", signal, async (alive) => {
    const silence = new AbortController();
    const answer = await open(
      pathTo("events/stream"),
      { signal: AbortSignal.any([signal, silence.signal]) },
      last ? { "Last-Event-ID": last } : {},
    );
    alive();
    await readText(answer, silence, (reader, text) => {
      alive();
      for (const message of reader.take(text)) {
        last = message.id || last;
        onEvent(JSON.parse(message.data) as EngineEvent);
      }
    });
    throw new Problem(0, "the stream of events ended");
  });
}

async function readText(
  answer: Response,
  silence: AbortController,
  take: (reader: MessageReader, text: string) => void,
): Promise<void> {
  const reader = new MessageReader();
  const body = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as never).getReader();
  let timer = 0;
  const restart = () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => silence.abort(new Problem(0, "no word from the engine")), SILENCE_MS);
  };
  try {
    for (;;) {
      restart();
      const { done, value } = (await body.read()) as { done: boolean; value?: string };
      if (done) return;
      take(reader, value ?? "");
    }
  } finally {
    clearTimeout(timer);
    void body.cancel().catch(() => undefined);
  }
}
