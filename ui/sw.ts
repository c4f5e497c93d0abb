// The service worker. The server puts version and assets in front of it, so that
// it is another one whenever any of them is.
import { handling, keepAs, marked } from "./keep";

declare const self: ServiceWorkerGlobalScope & { boxoffice: { version: string; assets: string[] } };

const assets = `assets-${self.boxoffice.version}`;
const kept = "kept"; // tickets and orders of whoever is signed in
const offline = "/offline";
/** How long a weak network may take before a copy is shown, in milliseconds. */
const patience = 5000;

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(assets);
      await cache.addAll([...self.boxoffice.assets, new Request(offline, { cache: "reload" })]);
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys())
        if (name.startsWith("assets-") && name !== assets) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== self.location.origin) return;
  switch (handling(event.request.method, event.request.mode === "navigate", url)) {
    case "asset":
      return event.respondWith(asset(event.request));
    case "keep":
      return event.respondWith(keep(event, keepAs(url)));
    case "page":
      return event.respondWith(fetch(event.request).catch(nothing));
    case "leave":
      return event.respondWith(leave(event.request));
  }
});

async function asset(request: Request): Promise<Response> {
  return (await caches.match(request)) ?? fetch(request);
}

async function keep(event: FetchEvent, name: string): Promise<Response> {
  const copy = await (await caches.open(kept)).match(name);
  const answer = fetch(event.request).then(async (response) => {
    if (response.ok && response.type === "basic") event.waitUntil(store(name, response.clone()));
    return response;
  });
  if (!copy) return answer.catch(nothing);
  event.waitUntil(
    answer.then(
      () => undefined,
      () => undefined,
    ),
  ); // a late answer is kept all the same
  const late = new Promise<Response>((resolve) => setTimeout(() => resolve(copy), patience));
  return Promise.race([answer, late]).catch(() => copy);
}

async function store(name: string, response: Response): Promise<void> {
  const headers = new Headers(response.headers);
  headers.delete("Content-Length"); // of what came over the network
  headers.delete("Content-Encoding");
  const copy = new Response(marked(await response.text()), { status: response.status, headers });
  const cache = await caches.open(kept);
  const text = await copy.clone().text();
  await cache.put(name, copy);
  // What the copy needs stays with it, whatever the next version of the site has.
  for (const [path] of text.matchAll(/\/assets\/[\w.-]+\.(js|css)/g))
    if (!(await cache.match(path))) await cache.add(path).catch(() => undefined);
}

// A page that was opened before there was a worker asks to be kept.
self.addEventListener("message", (event) => {
  const { keep } = event.data as { keep?: string };
  const url = keep ? new URL(keep) : null;
  if (!url || url.origin !== self.location.origin || handling("GET", true, url) !== "keep") return;
  event.waitUntil(
    fetch(url, { headers: { Accept: "text/html" } }).then(
      (response) => (response.ok && !response.redirected ? store(keepAs(url), response) : undefined),
      () => undefined,
    ),
  );
});

async function leave(request: Request): Promise<Response> {
  const response = await fetch(request);
  if (response.type === "opaqueredirect") await caches.delete(kept); // it was done
  return response;
}

async function nothing(): Promise<Response> {
  return (await caches.match(offline)) ?? Response.error();
}
