/**
 * The list of seats: sections open in place, so that what is chosen on the map
 * stays; and the forms that hold seats get a key, so that pressing twice comes
 * to one hold.
 */
export function seatList(root: ParentNode): void {
  const list = root.querySelector<HTMLElement>("[data-seatlist]");
  list?.addEventListener("click", (e) => {
    const link = (e.target as Element).closest<HTMLAnchorElement>("a[data-section]");
    if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
    e.preventDefault();
    void open(list, link.href);
  });
  document.addEventListener("submit", (e) => {
    const form = e.target as HTMLFormElement;
    const key = form.matches("form[data-hold]") ? form.querySelector<HTMLInputElement>("input[name=key]") : null;
    if (key) key.value = keyOf(form);
  });
  addEventListener("pageshow", () => (visit = nonce()));
}

async function open(list: HTMLElement, url: string): Promise<void> {
  list.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(url, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const made = page.querySelector("[data-seatlist]");
    if (!answer.ok || !made) return location.assign(url);
    list.replaceChildren(...made.childNodes);
    list.querySelector("details")?.setAttribute("open", "");
    const head = list.querySelector<HTMLElement>("h3, summary");
    head?.setAttribute("tabindex", "-1");
    head?.focus();
  } catch {
    location.assign(url);
  } finally {
    list.removeAttribute("aria-busy");
  }
}

const nonce = (): string => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join("");
let visit = nonce();

/** The same for the same choice during one visit of the page. */
function keyOf(form: HTMLFormElement): string {
  let hash = 5381;
  for (const [name, value] of new FormData(form)) {
    if (name !== "key")
      for (const c of `${name}=${String(value)}&`) hash = ((hash * 33) ^ (c.codePointAt(0) ?? 0)) >>> 0;
  }
  return `${visit}-${hash.toString(36)}`;
}
