// A hybrid logical clock: the server's time as far as this device knows it, never going
// back, and never behind what it has seen of others.

export interface Stamp {
  at: number; // ms since 1970
  n: number;
}

export interface Kept {
  offset: number; // server's time less this device's, ms
  known: boolean;
  wall: number; // this device's time, ms
  at: number;
  n: number;
}

/** An entry from further ahead than this has a wrong clock, which must not become ours. */
const AHEAD = 60_000;
/** An offset that may be more wrong than this is not known, ms. See docs/decisions/0050. */
const TRUST = 2000;
/** The largest n that the server takes. */
const MOST = 1_000_000_000;
/** A clock that falls this far behind the time that has gone by was set back, ms. */
const SET_BACK = 2_000;

export class Clock {
  private offset = 0;
  private error = Infinity; // of the offset: half of what its round trip took
  private last: Stamp = { at: 0, n: 0 };
  private seen: { wall: number; steady: number };
  known = false;

  constructor(
    private wall: () => number = Date.now,
    private steady: () => number = () => performance.now(),
  ) {
    this.seen = { wall: wall(), steady: steady() };
  }

  /** Goes on from what was kept. A device whose clock was set back meanwhile does not know the time any more. */
  restore(kept: Kept): void {
    this.offset = kept.offset;
    this.known = kept.known && this.wall() >= kept.wall - SET_BACK;
    this.last = { at: kept.at, n: kept.n };
  }

  keep(): Kept {
    return { offset: this.offset, known: this.known, wall: this.wall(), ...this.last };
  }

  /** The server's time now, as far as this device knows. */
  time(): number {
    // The steady clock may stand still while a device sleeps, but it never runs ahead: a wall
    // clock that is behind it was set back.
    const wall = this.wall(),
      steady = this.steady();
    const back = steady - this.seen.steady - (wall - this.seen.wall);
    if (back > SET_BACK) this.offset += back;
    this.seen = { wall, steady };
    return Math.round(wall + this.offset);
  }

  /** The stamp of an entry that is made now. */
  now(): Stamp {
    const at = this.time();
    if (at > this.last.at) this.last = { at, n: 0 };
    else if (this.last.n < MOST) this.last = { at: this.last.at, n: this.last.n + 1 };
    else this.last = { at: this.last.at + 1, n: 0 };
    return this.last;
  }

  /** An entry of another device: ours come after it. */
  see(stamp: Stamp): void {
    if (stamp.at > this.time() + AHEAD) return;
    if (stamp.at > this.last.at || (stamp.at === this.last.at && stamp.n > this.last.n))
      this.last = { at: stamp.at, n: stamp.n };
  }

  /** The server has said its time, in ms, between two moments of this device. */
  learn(server: number, sent: number, got: number): void {
    const error = Math.abs(got - sent) / 2;
    if (error > TRUST) return;
    const offset = server - (sent + got) / 2;
    // A slower answer says less, unless it shows that the clock was set since.
    if (this.known && error > this.error && Math.abs(offset - this.offset) <= error + this.error) return;
    this.offset = offset;
    this.error = error;
    this.known = true;
  }
}
