import { stem } from "./token";

/** A ticket that stays in front of the camera is read once, ms. */
const SAME = 3000;

/** Tells a new ticket from one that is still there, and whose code may have changed meanwhile. */
export class Repeats {
  private text = "";
  private seen = -Infinity;

  /** Whether a code that is seen now is a new one. */
  isNew(text: string, now: number): boolean {
    const what = stem(text);
    const same = what === this.text && now - this.seen < SAME;
    this.text = what;
    this.seen = now;
    return !same;
  }
}
