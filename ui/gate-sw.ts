// The service worker of the check-in app: it opens without a network. The server puts
// version and assets in front of it, so that it is another one whenever any of them is.

export {}; // a module, with a self of its own

declare const self: ServiceWorkerGlobalScope & { boxoffice: { version: string; assets: string[] } };

const shell = `gate-${self.boxoffice.version}`;
const page = "/gate";

self.addEventListener("install", (event) => {
  event.waitUntil(
    (async () => {
      const cache = await caches.open(shell);
      // Page and assets are of one version: an update is taken whole, or not at all.
      await cache.addAll([...self.boxoffice.assets, new Request(page, { cache: "reload" })]);
      await self.skipWaiting();
    })(),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name.startsWith("gate-") && name !== shell) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate" && url.pathname === page) event.respondWith(kept(event.request, page));
  else if (url.pathname.startsWith("/assets/")) event.respondWith(kept(event.request, event.request));
});

/** The copy, which opens at once; the network only where there is none. */
async function kept(request: Request, as: RequestInfo): Promise<Response> {
  return (await (await caches.open(shell)).match(as, { ignoreVary: true })) ?? fetch(request);
}
