/** Asks where a page that waits goes on, less and less often, and goes there. */
export function waiting(root: ParentNode): void {
  if (!root.querySelector("[data-wait]")) return;
  let pause = 700;
  const ask = async () => {
    try {
      const res = await fetch(location.pathname + location.search, {
        headers: { Accept: "application/json" },
        cache: "no-store",
      });
      const { next, approve } = (await res.json()) as { next?: string; approve?: string };
      if (next) {
        location.replace(next);
        return;
      }
      if (approve && !root.querySelector("[data-approve]")) {
        location.reload(); // shows where the payment is to be approved
        return;
      }
    } catch {
      // Offline for a moment, or the server is: the next time will tell.
    }
    pause = Math.min(pause * 1.3, 5000);
    window.setTimeout(ask, pause);
  };
  window.setTimeout(ask, pause);
}
