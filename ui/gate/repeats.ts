/** A ticket that stays in front of the camera is read once, ms. */
const SAME = 3000;

/** Tells a new code from one that is still there. */
export class Repeats {
  private text = "";
  private seen = -Infinity;

  /** Whether a code that is seen now is a new one. */
  isNew(text: string, now: number): boolean {
    const same = text === this.text && now - this.seen < SAME;
    this.text = text;
    this.seen = now;
    return !same;
  }
}
