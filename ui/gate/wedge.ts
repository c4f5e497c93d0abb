// Scanners that type what they read, as a keyboard would, and end with Enter or Tab.

/** No person keeps up such a pace, ms a key. */
const PACE = 40;
/** A pause that ends a burst, ms: a busy device hands keys over late. */
const PAUSE = 300;
/** Codes are at least so long; tickets are much longer. */
const SHORTEST = 6;
/** Nobody types so much without a pause, however late the keys are handed over. */
const LONG = 100;

/** Tells a scanner's keys from a person's. */
export class Burst {
  private text = "";
  private began = 0;
  private last = 0;

  /** Takes a key as KeyboardEvent.key names it; returns the code that it ends, else null. */
  key(key: string, at: number): string | null {
    if (at - this.last > PAUSE) this.text = "";
    this.last = at;
    if (key === "Enter" || key === "Tab") {
      const text = this.text;
      this.text = "";
      const pace = (at - this.began) / text.length;
      return text.length >= SHORTEST && (pace < PACE || text.length >= LONG) ? text : null;
    }
    if ([...key].length !== 1) return null; // Shift and the like
    if (this.text === "") this.began = at;
    this.text += key;
    return null;
  }
}

/** Calls back with each code that is typed by a scanner, wherever the focus is. */
export function wedge(code: (text: string) => void): void {
  const burst = new Burst();
  document.addEventListener(
    "keydown",
    (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
      const text = burst.key(e.key, e.timeStamp);
      if (text === null) return;
      e.preventDefault(); // nothing is pressed, and no form is sent
      e.stopPropagation();
      const field = document.activeElement;
      if (field instanceof HTMLInputElement && field.value.endsWith(text))
        field.value = field.value.slice(0, -text.length);
      code(text);
    },
    { capture: true },
  );
}
