// Loaded by the page of tickets whose codes change with time.
import { type Data, Page } from "./ticket/page";
import { Store } from "./ticket/store";

const data = document.getElementById("tickets-data");
const panel = document.getElementById("live-panel");
if (data && panel) {
  const page = new Page(JSON.parse(data.textContent ?? "{}") as Data, panel);
  Store.open().then(
    (store) => page.start(store),
    () => page.broken(),
  );
}
