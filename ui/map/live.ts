// The live feed of an event's seats (Server-Sent Events).

export interface Frame {
  seq: number;
  event_version: number;
  status?: string; // of all seats, in a snapshot
  free?: number[];
  held?: number[];
  sold?: number[];
}

export interface Listener {
  snapshot(f: Frame): void;
  seats(f: Frame): void;
  connected(yes: boolean): void;
}

const PATIENCE = 4000; // ms without a connection before the reader is told
const AGAIN = 3000; // ms until a refused connection is tried again

/**
 * Follows the feed from a version on. The browser comes back by itself after a
 * break, naming the last version it had; when the server refuses it, we do.
 */
export class Live {
  private source: EventSource | null = null;
  private timer = 0;
  private lost = 0;

  constructor(
    private url: string,
    private seq: () => number,
    private to: Listener,
  ) {
    // A page that nobody looks at needs no connection, of which browsers have few.
    document.addEventListener("visibilitychange", () => (document.hidden ? this.stop() : this.start()));
    window.addEventListener("pagehide", () => this.stop());
    window.addEventListener("pageshow", (e) => {
      if (e.persisted) this.start();
    });
  }

  start(): void {
    this.stop();
    const url = new URL(this.url, location.href);
    url.searchParams.set("after", String(this.seq()));
    const source = new EventSource(url);
    source.addEventListener("snapshot", (e) => this.to.snapshot(JSON.parse((e as MessageEvent<string>).data) as Frame));
    source.addEventListener("seats", (e) => this.to.seats(JSON.parse((e as MessageEvent<string>).data) as Frame));
    source.onopen = () => {
      clearTimeout(this.lost);
      this.lost = 0;
      this.to.connected(true);
    };
    source.onerror = () => {
      if (this.lost === 0) this.lost = window.setTimeout(() => this.to.connected(false), PATIENCE);
      if (source.readyState === EventSource.CLOSED)
        this.timer = window.setTimeout(() => this.start(), AGAIN * (1 + Math.random()));
    };
    this.source = source;
  }

  stop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.lost);
    this.lost = 0;
    this.source?.close();
    this.source = null;
  }
}
