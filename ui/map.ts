// Loaded by the event page: the seat map. It reads what the page says about the
// event, fetches plan and status, follows the live feed, and writes the reader's
// choice into the form #hold.

import type { WirePlan } from "./map/plan";
import { buildGently, pause } from "./map/plan";
import type { PageData } from "./map/seatmap";
import { Seatmap } from "./map/seatmap";
import { Voice } from "./map/words";

interface Compact {
  seq: number;
  status: string;
}

async function json<T>(url: string): Promise<T> {
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return (await answer.json()) as T;
}

async function start(root: HTMLElement, data: PageData): Promise<void> {
  const { plan, seats } = root.dataset;
  if (!plan || !seats) return;
  root.setAttribute("aria-busy", "true");
  const coming = Promise.all([json<WirePlan>(plan), json<Compact>(seats)]);
  coming.catch(() => undefined); // it is awaited below, a few tasks later
  const voice = new Voice(data.words, root.dataset.lang || document.documentElement.lang || "en", data.currency);
  for (const _ of voice.prepare()) await pause();
  const [planned, now] = await coming;
  const dearestFirst = [...data.tiers].sort((a, b) => b.price - a.price);
  const model = await buildGently(planned, dearestFirst);
  await pause();
  const map = new Seatmap(root, data, model, voice);
  await pause();
  map.begin(now.status, now.seq);
  root.removeAttribute("aria-busy");
}

const root = document.getElementById("seatmap");
const block = document.getElementById("seatmap-data");
if (root && block) {
  const data = JSON.parse(block.textContent ?? "{}") as PageData;
  start(root, data).catch((err: unknown) => {
    console.error(err);
    root.removeAttribute("aria-busy");
    root.textContent = data.words.failed ?? "";
  });
}
