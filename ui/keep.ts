/**
 * What the service worker does with a request: the rules, without a browser.
 * Ticket pages that were opened and the list of orders are kept for times
 * without a network; of everything else that is private nothing is.
 */
export type Handling =
  | "asset" // never changes: from the cache
  | "keep" // from the network, and a copy is kept for times without one
  | "page" // from the network, else the page that says that there is none
  | "leave" // somebody comes or goes: what was kept for the one before is forgotten
  | "pass"; // none of the worker's business

const leaving = /^(\/sign-in|\/sign-up|\/sign-out|\/account\/delete|\/checkout\/[0-9a-z]+\/(sign-in|sign-up|code))$/;

export function handling(method: string, navigates: boolean, url: URL): Handling {
  if (method === "GET" && url.pathname.startsWith("/assets/")) return "asset";
  if (!navigates) return "pass";
  if (method === "POST") return leaving.test(url.pathname) ? "leave" : "pass";
  if (method !== "GET") return "pass";
  if (url.pathname.endsWith(".pkpass")) return "pass"; // the device itself opens it
  if (/^\/orders\/[0-9a-z]+\/tickets$/.test(url.pathname)) return "keep";
  if (url.pathname === "/orders" && !url.searchParams.has("page")) return "keep";
  return "page";
}

/** Under which address a copy is kept: the token of a signed link does not matter on the device that has come with it. */
export function keepAs(url: URL): string {
  return url.pathname;
}

/** A page, marked as a copy: the style sheet then shows the badge that says so. */
export function marked(html: string): string {
  return html.replace("<html ", "<html data-kept ");
}
