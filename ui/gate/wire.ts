// What the API says: types, and requests as this device.
import type { Entrance, Settings } from "./decide";
import type { Answer, Kind, Ref, Scan, Spot } from "./entry";
import type { Named } from "./names";
import type { JWK, Time } from "./token";

/** GET /door. */
export interface DoorState {
  device: { id: string; name: string; entrance: string; names: boolean; valid_from?: string; valid_until?: string };
  event: { id: string; title: string; starts_at?: string; time_zone?: string };
  settings: Settings & { entrances: Entrance[] };
  keys: { keys: JWK[] };
  now: number; // µs
  time?: Time; // the same, signed by the office; a gate node has none
  list: { seq: number; rev: number };
  plan: string; // path
  /** Of a gate node: its line to the box office. seen_at in µs. */
  line?: { up: boolean; seen_at: number };
}

/** A scan of another device, as GET /door/scans tells of it. */
export interface Heard extends Ref {
  at: number;
  n: number;
  kind: Kind;
  of?: Ref;
  ordinal?: number;
  digest?: string; // of the first issue, hex
  entrance: string;
  outcome: "admitted" | "refused";
}

export interface HeardPage {
  items: Heard[];
  cursor: string;
  more: boolean;
}

/** A seat that was found by name or reference. */
export interface Guest {
  booking_id: string;
  reference: string;
  ordinal: number;
  seat: Spot;
  name?: string;
  list?: string; // of guests
  inside: boolean;
  entered?: boolean; // at least once, where this device has counted
  in?: number;
  entrance?: string;
}

/** A request that was answered with an error. status 0: no answer at all. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
  ) {
    super(`${status} ${type}`);
  }

  /** Whether the same request may succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** How long a request that nobody is waiting for may take, ms. */
const PATIENCE = 15_000;

export class Wire {
  token = "";

  /** Asks, and reads the whole answer in time. */
  private async request<T>(
    path: string,
    read: (answer: Response) => Promise<T>,
    init: RequestInit = {},
    token = this.token,
  ): Promise<T> {
    const headers = new Headers(init.headers);
    if (token) headers.set("Authorization", `Bearer ${token}`);
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), PATIENCE);
    try {
      const answer = await fetch(path, {
        signal: stop.signal,
        ...init,
        headers,
        credentials: "omit",
        cache: "no-store",
      });
      if (!answer.ok) throw new Refused(answer.status, await typeOf(answer));
      return await read(answer);
    } catch (err) {
      throw err instanceof Refused ? err : new Refused(0, "no-answer");
    } finally {
      clearTimeout(timer);
    }
  }

  private json<T>(path: string, body?: unknown): Promise<T> {
    const init: RequestInit = { headers: { Accept: "application/json" } };
    if (body !== undefined) {
      init.method = "POST";
      init.body = JSON.stringify(body);
      init.headers = { Accept: "application/json", "Content-Type": "application/json" };
    }
    return this.request(path, (answer) => answer.json() as Promise<T>, init);
  }

  pair(code: string, name: string): Promise<{ token: string; state: DoorState }> {
    return this.json("/door/pair", name ? { code, name } : { code });
  }

  state(): Promise<DoorState> {
    return this.json("/door");
  }

  async list(since: { seq: number; rev: number } | null): Promise<Uint8Array> {
    const path = `/door/list${since ? `?since=${since.seq}.${since.rev}` : ""}`;
    return new Uint8Array(await this.request(path, (answer) => answer.arrayBuffer()));
  }

  /** The seating plan, which is public: the device's token is not for it. */
  plan<T>(path: string): Promise<T> {
    return this.request(path, (answer) => answer.json() as Promise<T>, {}, "");
  }

  scans(scans: Scan[]): Promise<{ now: number; items: Answer[] }> {
    return this.json("/door/scans", { scans });
  }

  heard(after: string): Promise<HeardPage> {
    return this.json(`/door/scans${after ? `?after=${encodeURIComponent(after)}` : ""}`);
  }

  /** The stream of what happens, from a place on. */
  async live(after: string, signal: AbortSignal): Promise<Response> {
    const headers = { Accept: "text/event-stream", Authorization: `Bearer ${this.token}` };
    const path = `/door/live${after ? `?after=${encodeURIComponent(after)}` : ""}`;
    const answer = await fetch(path, { headers, signal, credentials: "omit", cache: "no-store" }).catch(() => {
      throw new Refused(0, "no-answer");
    });
    if (!answer.ok) throw new Refused(answer.status, await typeOf(answer));
    return answer;
  }

  guests(query: string): Promise<{ items: Guest[] }> {
    return this.json(`/door/guests?q=${encodeURIComponent(query)}`);
  }

  /** The digests of the pages of names. */
  names(): Promise<{ pages: string[] }> {
    return this.json("/door/names");
  }

  namePage(page: number): Promise<{ digest: string; items: Named[] }> {
    return this.json(`/door/names/${page}`);
  }
}

/** The type of a problem (RFC 9457), without what is before it. */
async function typeOf(answer: Response): Promise<string> {
  try {
    const body = (await answer.json()) as { type?: string };
    return (body.type ?? "").replace(/^.*[/#]/, "");
  } catch {
    return "";
  }
}
