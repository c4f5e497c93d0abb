/**
 * Searches while one types: the results of the form[data-search] are fetched as
 * the page that it would lead to, and take the place of those shown.
 */
export function searchAsTyped(root: ParentNode): void {
  const form = root.querySelector<HTMLFormElement>("form[data-search]");
  const results = document.getElementById("results");
  const count = document.getElementById("count");
  if (!form || !results || !count) return;
  let timer = 0;
  let asking: AbortController | null = null;
  const ask = async (): Promise<void> => {
    const url = addressOf(form);
    asking?.abort();
    const own = new AbortController();
    asking = own;
    results.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(url, { signal: own.signal, headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      results.replaceChildren(...(page.getElementById("results")?.childNodes ?? []));
      count.textContent = page.getElementById("count")?.textContent ?? "";
      document.title = page.title;
      history.replaceState(null, "", url);
    } catch {
      return; // a later one goes on, or the button still works
    } finally {
      if (!own.signal.aborted) results.removeAttribute("aria-busy");
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => void ask(), 180);
  });
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    clearTimeout(timer);
    void ask();
  });
}

/** Where a form leads, without the fields that are empty. */
function addressOf(form: HTMLFormElement): string {
  const query = new URLSearchParams();
  for (const [name, value] of new FormData(form))
    if (typeof value === "string" && value.trim() !== "") query.append(name, value);
  const text = query.toString();
  return form.action.replace(location.origin, "") + (text ? `?${text}` : "");
}
