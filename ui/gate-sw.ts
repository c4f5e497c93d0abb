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
      // A page of the version before may be open and need what it has not loaded yet, such as
      // the decoder: that copy stays until the next update.
      const before = (await caches.keys()).filter((name) => name.startsWith("gate-") && name !== shell);
      for (const name of before.slice(0, -1)) await caches.delete(name);
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

/** The copy, which opens at once; the network only where there is none. Assets may be those of a version before. */
async function kept(request: Request, as: RequestInfo): Promise<Response> {
  const here = await (await caches.open(shell)).match(as, { ignoreVary: true });
  return here ?? (as === page ? undefined : await caches.match(as, { ignoreVary: true })) ?? fetch(request);
}
