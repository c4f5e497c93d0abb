// Own scans on their way to the node: each is stored before anything else, sent until it
// is answered, and never forgotten before.
import type { Answer, Own, Scan } from "./entry";
import { Refused } from "./wire";

/** Where scans are kept. */
export interface Keeper {
  sent(list: Own[]): Promise<void>;
}

export type Send = (scans: Scan[]) => Promise<{ now: number; items: Answer[] }>;

const BATCH = 500;

export class Queue {
  private waiting = new Map<number, Own>(); // by counter
  private sending: Promise<void> | null = null;
  private said = new WeakMap<Own, Answer>();

  constructor(
    private send: Send,
    private keep: Keeper,
    /** Called with each answer, and with the scan as it is now. */
    private answered: (own: Own, answer: Answer) => void,
    own: Own[] = [],
  ) {
    for (const o of own) if (!o.sent) this.waiting.set(o.counter, o);
  }

  get length(): number {
    return this.waiting.size;
  }

  /** A scan that is stored and not yet answered. */
  add(own: Own): void {
    this.waiting.set(own.counter, own);
  }

  /**
   * Asks the node to decide about one scan. Returns null if there is no answer in time; the
   * scan then still waits, and the caller says what it has decided alone.
   */
  async ask(
    own: Own,
    patience: number,
    later: (done: () => void, ms: number) => void = setTimeout,
  ): Promise<Answer | null> {
    this.add(own);
    // The node must know of what was decided before: it goes first, in the same request.
    const batch = this.oldest(BATCH);
    if (!batch.includes(own)) return null;
    const scans = batch.map((o) => o.scan);
    let late = false;
    const answer = this.send(scans).then(async ({ items }) => {
      // What this device has decided meanwhile must be sent again.
      await this.settle(
        batch.filter((o, i) => o.scan === scans[i] && !(o === own && late)),
        items,
      );
      return !late && own.sent ? (items.find((a) => a.counter === own.counter) ?? null) : null;
    });
    answer.catch(() => undefined); // it may come too late to matter
    const timeout = new Promise<null>((resolve) => {
      later(() => {
        late = true;
        resolve(null);
      }, patience);
    });
    return Promise.race([answer, timeout]);
  }

  /** What the node has said of a scan; it counts from when it is there, however long it takes to store it. */
  answerTo(own: Own): Answer | null {
    return this.said.get(own) ?? null;
  }

  private oldest(most: number): Own[] {
    return [...this.waiting.values()].sort((a, b) => a.counter - b.counter).slice(0, most);
  }

  /** Sends all that waits, oldest first. Throws when the node cannot be reached or refuses. */
  flush(): Promise<void> {
    this.sending ??= this.drain().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  private async drain(): Promise<void> {
    for (let size = BATCH; this.waiting.size > 0; ) {
      const batch = this.oldest(size);
      const scans = batch.map((o) => o.scan);
      try {
        const { items } = await this.send(scans);
        // Those that changed while they were under way are sent again.
        const same = batch.filter((o, i) => o.scan === scans[i]);
        if ((await this.settle(same, items)) === 0 && same.length > 0) throw new Refused(0, "no-answer");
      } catch (err) {
        // One scan that the node cannot take must not hold up the others.
        if (!(err instanceof Refused) || err.passing || err.status === 401 || err.status === 403) throw err;
        if (size > 1) size = Math.max(1, Math.floor(batch.length / 2));
        else await this.settle(batch, [unfit(batch[0].scan)]);
      }
    }
  }

  /** Notes what was answered; returns how many. */
  private async settle(list: Own[], answers: Answer[]): Promise<number> {
    const by = new Map(answers.map((a) => [a.counter, a]));
    const done = list.filter((o) => by.has(o.counter) && this.waiting.get(o.counter) === o);
    for (const own of done) {
      const answer = by.get(own.counter) as Answer;
      own.sent = true;
      this.said.set(own, answer);
      own.scan = { ...own.scan, at: answer.at, n: answer.n };
      if (!own.scan.decided) {
        own.admitted = answer.outcome === "admitted";
        own.reason = answer.reason;
      }
      this.waiting.delete(own.counter);
      this.answered(own, answer);
    }
    if (done.length > 0) await this.keep.sent(done);
    return done.length;
  }
}

/** Of a scan that the node cannot take, whatever happens: it stays in this device's own list. */
function unfit(scan: Scan): Answer {
  return { counter: scan.counter, at: scan.at, n: scan.n, outcome: "refused", reason: "not-allowed" };
}
