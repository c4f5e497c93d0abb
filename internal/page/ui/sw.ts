// The service worker.
export {};
