// What the node tells while one listens (Server-Sent Events). EventSource cannot send the
// device's token in a header, so the stream is read here.
import { Refused } from "./wire";

export interface Told {
  event: string;
  data: string;
}

/** Cuts a stream of text into events. */
export class Events {
  private rest = "";

  push(text: string): Told[] {
    this.rest = (this.rest + text).replace(/\r\n/g, "\n");
    const out: Told[] = [];
    for (let end = this.rest.indexOf("\n\n"); end >= 0; end = this.rest.indexOf("\n\n")) {
      const told = { event: "message", data: "" };
      const data: string[] = [];
      for (const line of this.rest.slice(0, end).split("\n")) {
        const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line) ?? [];
        if (name === "event") told.event = value;
        if (name === "data") data.push(value);
      }
      this.rest = this.rest.slice(end + 2);
      if (data.length > 0) out.push({ ...told, data: data.join("\n") });
    }
    return out;
  }
}

/** A stream that says nothing for so long is broken, ms. The node says something every 15 s. */
const SILENCE = 45_000;

/** Reads one stream until it ends. */
export async function follow(answer: Response, stop: AbortController, told: (t: Told) => void): Promise<void> {
  const reader = answer.body?.getReader();
  if (!reader) return;
  const text = new TextDecoder();
  const events = new Events();
  let timer = 0;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => stop.abort(), SILENCE) as unknown as number;
  };
  try {
    for (alive(); ; alive()) {
      const { done, value } = await reader.read();
      if (done) return;
      for (const t of events.push(text.decode(value, { stream: true }))) told(t);
    }
  } catch {
    throw new Refused(0, "no-answer"); // the connection broke, or was given up
  } finally {
    clearTimeout(timer);
  }
}
