/** Words that are said while a hold runs out. */
interface Words {
  two: string;
  half: string;
  over: string;
}

/**
 * Counts a hold down by the server's clock: the page tells when it was made and
 * when the hold ends, both RFC 3339, so that a reader's clock may be wrong. At zero
 * the checkout gives way to what the page has ready for then.
 */
export function heldSeats(root: ParentNode): void {
  for (const el of root.querySelectorAll<HTMLElement>("[data-held]")) {
    const until = Date.parse(el.dataset.until ?? ""),
      made = Date.parse(el.dataset.now ?? "");
    if (Number.isNaN(until) || Number.isNaN(made)) continue;
    run(el, until - made);
  }
}

function run(el: HTMLElement, left: number): void {
  // The monotonic clock stands still in a sleeping machine on some systems, the
  // other one can be set: the larger of the two has gone by.
  const since = performance.now(),
    wall = Date.now();
  const remaining = () => left - Math.max(performance.now() - since, Date.now() - wall);
  const shown = el.querySelector<HTMLElement>("[data-left]"),
    said = el.querySelector<HTMLElement>("[data-said]");
  const words = JSON.parse(el.querySelector("[data-words]")?.textContent ?? "{}") as Partial<Words>;
  let before = Infinity;
  let timer = 0;
  const say = (text?: string) => {
    if (said && text) said.textContent = text;
  };
  const tick = () => {
    window.clearTimeout(timer);
    if (!el.isConnected) return;
    const now = remaining();
    if (now <= 0) {
      if (el.dataset.held === "bar")
        el.remove(); // the way back in the header: there is nothing to go back to
      else over();
      return;
    }
    if (shown) shown.textContent = clock(now);
    if (now <= 30_000 && before > 30_000) say(words.half);
    else if (now <= 120_000 && before > 120_000 && now > 30_000 && left > 120_000) say(words.two);
    el.classList.toggle("soon", now <= 120_000);
    before = now;
    timer = window.setTimeout(tick, (now % 1000) + 20);
  };
  document.addEventListener("visibilitychange", tick);
  window.addEventListener("pageshow", tick);
  tick();
}

/** Whole minutes and seconds of some milliseconds, rounded up: "4:05". */
export function clock(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Shows that the time is over, in place of the checkout. */
function over(): void {
  const main = document.querySelector("main"),
    page = document.querySelector<HTMLTemplateElement>("template#over");
  if (!main || !page) return;
  main.replaceChildren(page.content.cloneNode(true));
  const title = main.querySelector<HTMLElement>("h1");
  if (title) {
    document.title = document.title.replace(/^[^·]*/, `${title.textContent ?? ""} `);
    title.focus();
  }
}
