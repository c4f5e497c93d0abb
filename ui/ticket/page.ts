// The page of tickets whose codes change with time: binds them to this phone, and draws their
// codes, also without a network.
import { encodeQR } from "qr";
import { Clock } from "../gate/clock";
import { type JWK, Keys, RENEW, type Time } from "../gate/token";
import { el } from "../map/dom";
import { code, newPhone, signer } from "./phone";
import type { Record as Phone, Store } from "./store";

export interface Ticket {
  seat: string; // label
  token?: string; // a code that never changes
  part?: string; // what the phone that it is bound to makes codes from
  bound_to?: string; // the key of that phone
}

/** The tickets of a booking, as the server tells them. */
export interface Tickets {
  items: Ticket[];
  codes: "fixed" | "rotating";
  paper: boolean;
  rev: number; // grows with each change
  time?: Time;
}

/** What comes with the page. */
export interface Data {
  booking: string;
  url: string;
  keys: { keys: JWK[] };
  tickets: Tickets;
  words: Record<string, string>;
}

/** How often a page that is seen asks for the time, ms. */
const AGAIN = 5 * 60_000;
/** How often what is drawn moves, ms. */
const TICK = 250;

type Where = "here" | "elsewhere" | "free";

/** Which of two lists is the newer one; the first, if they are equally old. */
export function newer(a: Tickets, b: Tickets | null): Tickets {
  return b && b.rev > a.rev ? b : a;
}

/** Where a ticket is, as a phone with a key sees it. */
export function where(ticket: Ticket, own: string | undefined): Where {
  if (!ticket.bound_to) return "free";
  return ticket.bound_to === own && ticket.part ? "here" : "elsewhere";
}

/** The dark modules of a code as the path of an SVG, and the side of the square. */
export function drawn(text: string): { path: string; side: number } {
  const rows = encodeQR(text, "raw", { ecc: "low", encoding: "alphanumeric", border: 4 });
  let path = "";
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      const from = x;
      while (x < row.length && row[x]) x++;
      if (x > from) path += `M${from} ${y}h${x - from}v1h-${x - from}z`;
    }
  });
  return { path, side: rows.length };
}

/** A ticket whose code this phone makes. */
interface Drawn {
  ticket: Ticket;
  path: SVGPathElement;
  svg: SVGSVGElement;
  bar: HTMLElement;
  now: HTMLElement;
  seen: boolean; // on the screen
}

export class Page {
  private keys: Keys;
  private clock = new Clock();
  private store: Store | null = null;
  private phone: Phone | null = null;
  private tickets: Tickets;
  private codes = new Map<string, Drawn>();
  private first = new Map<string, Node[]>(); // what the server has drawn
  private made = 0; // when the codes were made that are shown, ms
  private making = false;
  private busy = false;
  private problem = "";
  private asking = false; // whether to move all
  private hours = new Intl.DateTimeFormat(
    document.documentElement.lang === "en" ? "en-GB" : document.documentElement.lang,
    { timeStyle: "medium" },
  );
  private watch = new IntersectionObserver((list) => {
    for (const e of list) for (const d of this.codes.values()) if (d.svg === e.target) d.seen = e.isIntersecting;
    this.made = 0;
  });

  constructor(
    private data: Data,
    private panel: HTMLElement,
  ) {
    this.keys = new Keys(data.keys.keys);
    this.tickets = data.tickets;
  }

  /** Nothing can be kept here, so no ticket either. */
  broken(): void {
    this.panel.replaceChildren(el("p", {}, this.say("private")));
  }

  async start(store: Store): Promise<void> {
    this.store = store;
    this.phone = await store.load(this.data.booking);
    if (this.phone) {
      this.tickets = newer(this.tickets, this.phone.tickets);
      if (this.phone.clock) this.clock.restore(this.phone.clock);
    }
    this.draw();
    setInterval(() => void this.tick(), TICK);
    setInterval(() => {
      if (!document.hidden) void this.keep(); // a page that is not seen may have an old list
    }, AGAIN / 10);
    window.addEventListener("online", () => void this.refresh());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) return;
      void this.refresh();
      void this.stayAwake();
    });
    setInterval(() => {
      if (!document.hidden) void this.refresh();
    }, AGAIN);
    void this.stayAwake();
    if (this.phone) await this.refresh();
    const free = this.at("free");
    // A computer is asked: its owner may only want to look.
    if (free.length > 0 && this.onlyPhones && matchMedia("(pointer: coarse)").matches) await this.bind(free, false);
  }

  private say(word: string, values: { [name: string]: string } = {}): string {
    const text = this.data.words[word] ?? `[${word}]`;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole);
  }

  private get onlyPhones(): boolean {
    return this.tickets.codes === "rotating" && !this.tickets.paper;
  }

  private at(place: Where): Ticket[] {
    return this.tickets.items.filter((t) => where(t, this.phone?.public) === place);
  }

  // Asking the server

  private async ask(init: RequestInit & { method: "GET" | "POST" }): Promise<Response> {
    const url = new URL(this.data.url, location.href);
    if (init.method === "GET") url.searchParams.set("public_key", this.phone?.public ?? "");
    return fetch(url, { ...init, headers: { Accept: "application/json" }, cache: "no-store" });
  }

  /** Gets the time and the tickets; without a network nothing changes. */
  private async refresh(): Promise<void> {
    if (!this.phone) return;
    const sent = Date.now();
    try {
      const answer = await this.ask({ method: "GET" });
      if (isJSON(answer)) await this.learn((await answer.json()) as Tickets, sent);
    } catch {
      // there is no network, and none is needed
    }
  }

  private async learn(list: Tickets, sent: number): Promise<void> {
    const got = Date.now();
    const { time, ...tickets } = list;
    if (time && this.phone && (await this.keys.checkTime(this.phone.public, time)))
      this.clock.learn(time.now / 1000, sent, got);
    const freed = this.at("free").length < tickets.items.filter((t) => !t.bound_to).length;
    this.tickets = tickets;
    await this.keep();
    if (freed && this.data.tickets.rev < tickets.rev) return location.reload(); // the server draws their codes
    this.draw();
  }

  private async bind(list: Ticket[], move: boolean): Promise<void> {
    if (this.busy || !this.store) return;
    this.busy = true;
    this.problem = "";
    this.asking = false;
    this.draw();
    try {
      const { store } = this;
      this.phone ??= await newPhone(this.data.booking, (record) => store.claim(record));
      const body = new URLSearchParams({ public_key: this.phone.public, seen: String(this.tickets.rev) });
      for (const t of list) body.append("seats", t.seat);
      if (move) body.set("move", "1");
      const sent = Date.now();
      const answer = await this.ask({ method: "POST", body });
      if (isJSON(answer)) {
        await this.learn((await answer.json()) as Tickets, sent);
        void navigator.storage?.persist?.().catch(() => undefined);
        await keepPage();
      } else {
        this.problem = answer.status === 409 ? "changed" : "failed";
        await this.refresh();
      }
    } catch {
      this.problem = navigator.onLine ? "failed" : "offline";
    }
    this.busy = false;
    this.draw();
  }

  private async keep(): Promise<void> {
    if (!this.phone || !this.store) return;
    this.phone = { ...this.phone, tickets: this.tickets, clock: this.clock.keep() };
    await this.store.save(this.phone).catch(() => undefined);
  }

  private async stayAwake(): Promise<void> {
    if (this.codes.size > 0 && !document.hidden) await navigator.wakeLock?.request("screen").catch(() => undefined);
  }

  // Drawing

  private draw(): void {
    for (const card of document.querySelectorAll<HTMLElement>(".ticket[data-seat]")) {
      const seat = card.dataset.seat ?? "";
      const ticket = this.tickets.items.find((t) => t.seat === seat);
      const box = card.querySelector<HTMLElement>(".ticket-code");
      if (!ticket || !box) continue;
      if (!this.first.has(seat)) this.first.set(seat, [...box.childNodes]);
      const place = where(ticket, this.phone?.public);
      const drawn = this.codes.get(seat);
      if (place === "here") {
        if (drawn) drawn.ticket = ticket;
        else box.replaceChildren(...this.live(ticket));
        continue;
      }
      if (drawn) {
        this.watch.unobserve(drawn.svg);
        this.codes.delete(seat);
      }
      box.replaceChildren(...(place === "free" ? (this.first.get(seat) ?? []) : [this.elsewhere(ticket)]));
    }
    this.made = 0;
    this.drawPanel();
    void this.tick();
  }

  private drawPanel(): void {
    const free = this.at("free"),
      here = this.at("here"),
      elsewhere = this.at("elsewhere");
    const parts: Node[] = [];
    const p = (word: string): void => void parts.push(el("p", {}, this.say(word)));
    const button = (word: string, press: () => void, className = ""): HTMLElement =>
      el("button", { type: "button", className, disabled: this.busy, on: { click: press } }, this.say(word));
    if (this.busy) p("opening");
    else {
      if (this.problem) parts.push(el("p", { className: "notice bad" }, this.say(this.problem)));
      if (here.length > 0 && free.length + elsewhere.length === 0) p(here.length === 1 ? "here_one" : "here_other");
      if (here.length > 0 && !this.clock.known) parts.push(el("p", { className: "notice wait" }, this.say("unsure")));
      if (free.length > 0 && this.tickets.codes === "rotating") {
        p(this.tickets.paper ? "free" : "free_only");
        parts.push(
          el(
            "p",
            { className: "row" },
            button("use", () => void this.bind(free, false)),
          ),
        );
      }
      if (elsewhere.length > 0) p(free.length + here.length > 0 ? "elsewhere_some" : "elsewhere");
      if (elsewhere.length > 1 && !this.asking)
        parts.push(
          el(
            "p",
            { className: "row" },
            button("move_all", () => this.sure(true), "quiet"),
          ),
        );
      if (elsewhere.length > 1 && this.asking) {
        p("move_all_sure");
        const yes = button("yes", () => void this.bind(elsewhere, true), "danger");
        parts.push(
          el(
            "p",
            { className: "row" },
            yes,
            button("no", () => this.sure(false), "quiet"),
          ),
        );
      }
    }
    this.panel.replaceChildren(...parts);
    this.panel.hidden = parts.length === 0;
  }

  private sure(asking: boolean): void {
    this.asking = asking;
    this.drawPanel();
  }

  /** What is in the place of a code that another phone shows. */
  private elsewhere(ticket: Ticket): HTMLElement {
    const box = el("div", { className: "live-none" });
    const show = (asking: boolean): void => {
      const text = el("p", {}, this.say(asking ? "move_sure" : "card_elsewhere"));
      const press = (word: string, className: string, on: () => void): HTMLElement =>
        el("button", { type: "button", className, on: { click: on } }, this.say(word));
      const buttons = asking
        ? [press("yes", "danger", () => void this.bind([ticket], true)), press("no", "quiet", () => show(false))]
        : [press("move", "quiet", () => show(true))];
      box.replaceChildren(text, el("p", { className: "row" }, ...buttons));
    };
    show(false);
    return box;
  }

  private live(ticket: Ticket): HTMLElement[] {
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("shape-rendering", "crispEdges");
    const path = document.createElementNS(space, "path");
    svg.append(path);
    const bar = el("i", {});
    const now = el("p", { className: "live-now num" });
    this.codes.set(ticket.seat, { ticket, svg, path, bar, now, seen: false });
    this.watch.observe(svg);
    const frame = el(
      "div",
      { className: "live-code" },
      el("div", { className: "live-bar", aria: { hidden: "true" } }, bar),
      now,
    );
    frame.prepend(svg);
    return [frame];
  }

  /** Moves what is drawn, and makes new codes when it is time. */
  private async tick(): Promise<void> {
    if (this.codes.size === 0 || document.hidden || !this.phone) return;
    const now = this.clock.time();
    if ((now - this.made >= RENEW || now < this.made) && !this.making) {
      this.making = true;
      await this.renew(now).finally(() => {
        this.making = false;
      });
    }
    const left = Math.max(0, 1 - (now - this.made) / RENEW);
    const text = this.say("now", { time: this.hours.format(now) });
    for (const d of this.codes.values()) {
      d.bar.style.transform = `scaleX(${left})`;
      if (d.now.textContent !== text) d.now.textContent = text;
    }
  }

  private async renew(now: number): Promise<void> {
    if (!this.phone) return;
    const signing = signer(this.phone);
    let any = false;
    for (const d of this.codes.values()) {
      if (!d.seen || !d.ticket.part) continue;
      const text = await code(d.ticket.part, signing, now, this.clock.known);
      const { path, side } = drawn(text);
      d.svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
      d.path.setAttribute("d", path);
      any = true;
    }
    if (any) this.made = now;
  }
}

/** Whether an answer is what was asked for, and not, for instance, the page to sign in. */
function isJSON(answer: Response): boolean {
  return answer.ok && (answer.headers.get("Content-Type") ?? "").startsWith("application/json");
}

/** Has the service worker keep this page as it is now: at its first visit it was not there yet. */
async function keepPage(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage({ keep: location.href });
}
