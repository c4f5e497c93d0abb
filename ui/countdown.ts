/**
 * Counts down to <time datetime data-countdown data-now>, by the server's clock:
 * the page's data-now, corrected by the Date of an answer, since a page may have
 * been kept by a cache. With data-countdown="reload" the page is read anew when
 * the time has come, not by everybody in the same moment.
 */
export function countdowns(root: ParentNode): void {
  for (const el of root.querySelectorAll<HTMLTimeElement>("time[data-countdown]")) count(el);
}

const SPREAD = 1500; // ms over which readers come back
const AGAIN = 2000; // ms until a page that still waits is asked again

function count(el: HTMLTimeElement): void {
  const until = Date.parse(el.dateTime);
  let ahead = Date.parse(el.dataset.now ?? "") - Date.now(); // of the server, ms
  if (Number.isNaN(until) || Number.isNaN(ahead)) return;
  const out = document.createElement("span");
  out.className = "countdown-left num";
  out.setAttribute("role", "timer");
  el.parentElement?.append(" ", out);
  const tick = (): void => {
    const left = Math.max(0, until - (Date.now() + ahead));
    out.textContent = written(Math.ceil(left / 1000), el.dataset.labels ?? "d");
    if (left > 0) return void setTimeout(tick, left % 1000 || 1000);
    if (el.dataset.countdown === "reload") setTimeout(reload, Math.random() * SPREAD);
  };
  void clock().then((now) => {
    if (now !== null) ahead = now;
  });
  tick();
}

/** How far the server's clock is ahead, ms; null when it does not say. Its Date has whole seconds. */
async function clock(): Promise<number | null> {
  try {
    const sent = Date.now();
    const answer = await fetch("/healthz", { cache: "no-store" });
    const date = Date.parse(answer.headers.get("Date") ?? "");
    return Number.isNaN(date) ? null : date + 500 - (sent + Date.now()) / 2;
  } catch {
    return null;
  }
}

function written(seconds: number, day: string): string {
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  return `${days > 0 ? `${days} ${day} ` : ""}${two((seconds % 86400) / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
}

async function reload(): Promise<void> {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok && !(await answer.text()).includes('data-countdown="reload"')) return location.reload();
  } catch {
    // out of reach: again
  }
  setTimeout(reload, AGAIN + Math.random() * SPREAD);
}
