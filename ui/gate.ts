// The check-in app, loaded by its page. It runs once on a device: two that scan with the
// same counter would contradict each other.
import { App, message, type PageData } from "./gate/app";
import { Store } from "./gate/store";
import { Voice } from "./gate/words";

async function begin(root: HTMLElement, data: PageData): Promise<void> {
  const lang = document.documentElement.lang;
  const voice = new Voice(data.words[lang] ?? data.words.en ?? {}, lang);
  const start = async (): Promise<void> => {
    try {
      const store = await Store.open();
      new App(root, data, store, await store.load()).start();
    } catch (err) {
      console.error(err);
      root.replaceChildren(message(voice, "broken_title", "broken_text"));
    }
  };
  if (!navigator.locks) return start(); // a page without TLS
  // The storage is opened by whoever has the lock: a page of the version before would block it.
  const forGood = (): Promise<void> => start().then(() => new Promise(() => undefined));
  await navigator.locks.request("gate", { ifAvailable: true }, (lock) => {
    if (lock) return forGood();
    root.replaceChildren(message(voice, "elsewhere_title", "elsewhere_text"));
    void navigator.locks.request("gate", forGood);
    return undefined;
  });
}

const root = document.getElementById("gate");
const block = document.getElementById("gate-data");
if (root && block) {
  if (window.isSecureContext && "serviceWorker" in navigator)
    void navigator.serviceWorker.register("/gate-sw.js", { scope: "/gate" }).catch(() => undefined);
  begin(root, JSON.parse(block.textContent ?? "{}") as PageData).catch((err: unknown) => console.error(err));
}
