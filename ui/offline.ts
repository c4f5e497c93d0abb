/** Has tickets there without a network: registers the service worker, and shows when there is no network. */
export function offline(): void {
  const root = document.documentElement;
  window.addEventListener("offline", () => root.setAttribute("data-kept", ""));
  window.addEventListener("online", () => root.removeAttribute("data-kept"));
  // Browsers count loopback addresses among the secure ones.
  if (window.isSecureContext && "serviceWorker" in navigator) {
    window.addEventListener("load", () => void navigator.serviceWorker.register("/sw.js").catch(() => undefined));
  }
}
