/**
 * The seat map's script and plan are large, and the page is of use before them:
 * they are started as the map comes into sight, and fetched ahead of that as
 * soon as the reader does anything, or after a while.
 */
export function mapSlot(): void {
  const slot = document.getElementById("seatmap");
  const { script, plan } = slot?.dataset ?? {};
  if (!slot || !script || !plan) return;
  const begin = (): void => {
    seen.disconnect();
    document.head.append(Object.assign(document.createElement("script"), { type: "module", src: script }));
  };
  const seen = new IntersectionObserver(
    (list) => {
      if (list.some((e) => e.isIntersecting)) begin();
    },
    { rootMargin: "0px 0px -15% 0px" },
  );
  atRest(() => {
    seen.observe(slot);
    const early = (): void => {
      clearTimeout(timer);
      for (const name of SIGNS) removeEventListener(name, early);
      ahead(script, "script");
      ahead(plan, "fetch");
    };
    const timer = setTimeout(early, WHILE);
    for (const name of SIGNS) addEventListener(name, early, { passive: true });
  });
}

const WHILE = 3000; // ms
const SIGNS = ["scroll", "pointermove", "touchstart", "keydown"];

function atRest(then: () => void): void {
  const idle = (): void => {
    if ("requestIdleCallback" in window) requestIdleCallback(then, { timeout: 600 });
    else setTimeout(then, 100);
  };
  if (document.readyState === "complete") idle();
  else addEventListener("load", idle, { once: true });
}

/** Fetches a file into the browser's cache, behind everything else. */
function ahead(href: string, as: string): void {
  document.head.append(
    Object.assign(document.createElement("link"), {
      rel: "prefetch",
      href,
      as,
      crossOrigin: as === "fetch" ? "anonymous" : null,
    }),
  );
}
