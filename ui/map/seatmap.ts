// The seat map as a whole: what happens when the reader, or somebody else, does something.
import { pointer } from "d3-selection";
import { Card } from "./card";
import type { Proposal } from "./choose";
import { near, orphans, together } from "./choose";
import { bindForm, bindList } from "./form";
import type { Change } from "./hall";
import { Hall } from "./hall";
import { bindKeys } from "./keys";
import type { Frame } from "./live";
import { Live } from "./live";
import { Panel } from "./panel";
import type { Model } from "./plan";
import { stageOf } from "./stage";
import { rowLabel, seatName, seatsName, spoken } from "./tell";
import type { Tier } from "./tiers";
import { View } from "./view";
import type { Voice, Words } from "./words";

/** The block #seatmap-data. */
export interface PageData {
  currency: string;
  tiers: Tier[];
  words: Partial<Words>;
  mine?: string[] | null; // labels of seats that the reader holds
  chosen?: string[] | null; // labels that are chosen to begin with
}

export class Seatmap {
  readonly hall: Hall;
  readonly view: View;
  private panel: Panel;
  private card: Card;
  private live: Live | null = null;
  private choosing: boolean; // there is a form; else the map is to look at
  private version: number;
  private leaving = false; // the form has been sent
  private initial: string[];

  constructor(
    private root: HTMLElement,
    data: PageData,
    model: Model,
    private voice: Voice,
  ) {
    this.version = Number(root.dataset.version ?? 0);
    this.initial = data.chosen ?? [];
    this.hall = new Hall(model, Number(root.dataset.limit) || 10, data.mine ?? []);
    const form = document.querySelector<HTMLFormElement>("form#hold");
    this.panel = new Panel(
      root,
      this.hall,
      this.voice,
      {
        zoom: (by) => (by === 0 ? this.view.camera.fly(this.view.camera.whole()) : this.view.camera.scaleBy(by)),
        find: (n) => this.find(n),
        point: (s) => this.view.reveal([s], true),
      },
      form,
    );
    this.view = new View(this.panel.canvas, this.hall, stageOf(model), this.voice);
    this.card = new Card(this.view, this.hall, this.voice, this.panel.stageBox);
    this.choosing = form !== null;
    if (form) this.bindForm(form);
    const list = document.getElementById("seatlist");
    if (list) bindList(list, this.hall, (s) => this.toggle(s));
    this.bindPointer();
    bindKeys(this.view, this.hall, {
      toggle: (s) => this.toggle(s),
      enterArea: (i) => this.area(i),
      read: (s) => {
        this.panel.say(spoken(this.hall, this.voice, s));
        this.card.show({ seat: s });
      },
      away: () => this.card.show(null),
    });
    this.watchPage();
  }

  /** Starts with the state of all seats at a version of the ledger. */
  begin(status: string, seq: number): void {
    this.hall.snapshot(status, seq);
    this.hall.on((c) => this.changed(c));
    if (this.initial.length > 0) this.hall.choose(this.hall.ordinals(this.initial));
    this.view.resize();
    const url = this.root.dataset.live;
    if (!url) return;
    this.live = new Live(url, () => this.hall.seq, {
      snapshot: (f) =>
        this.frame(f, () => {
          if (f.status?.length !== this.hall.model.n) return this.outdated(); // another plan
          this.hall.snapshot(f.status, f.seq);
        }),
      seats: (f) => this.frame(f, () => this.hall.differ(f.free ?? [], f.held ?? [], f.sold ?? [], f.seq)),
      connected: (yes) => this.connected(yes),
    });
    this.live.start();
  }

  private frame(f: Frame, apply: () => void): void {
    if (this.version === 0) this.version = f.event_version;
    if (f.event_version > this.version) {
      this.version = f.event_version;
      this.outdated();
    }
    apply();
  }

  /** The organizer has changed the event: prices or plan may be others now. */
  private outdated(): void {
    this.panel.tell(this.voice.say("changed"), this.voice.say("reload"), () => location.reload());
  }

  private broken = false;

  private connected(yes: boolean): void {
    if (yes === !this.broken) return;
    this.broken = !yes;
    this.root.classList.toggle("sm-broken", this.broken);
    this.panel.tell(this.voice.say(yes ? "online" : "offline"));
  }

  private bindForm(form: HTMLFormElement): void {
    bindForm(form, this.hall, this.voice);
    form.addEventListener("submit", () => (this.leaving = true));
    addEventListener("pageshow", () => (this.leaving = false));
  }

  /** Seats that were chosen and are taken now are let go of, and what is near is offered. */
  private changed(c: Change): void {
    if (c.kind !== "seats" || this.leaving) return;
    const taken = c.all ? [...this.hall.chosen].filter((s) => !this.hall.isFree(s)) : c.taken;
    const lost = this.hall.drop(taken);
    if (lost.length > 0) this.faster(lost);
    const { places } = this.hall;
    if (places && this.hall.freeIn[places.section] < places.count)
      this.hall.take(places.section, this.hall.freeIn[places.section]);
  }

  private faster(lost: number[]): void {
    const { hall, voice } = this;
    const m = hall.model;
    const gone = voice.count("lost", lost.length, { seats: seatsName(hall, voice, lost) });
    // A party of one price moves together; otherwise only what is lost is replaced.
    const tier = m.tier[lost[0]];
    const all = [...hall.chosen].every((s) => m.tier[s] === tier);
    const kept = all ? [] : [...hall.chosen];
    const free = (s: number): boolean => hall.isFree(s) && !kept.includes(s);
    const sat = all ? [...lost, ...hall.chosen] : lost;
    const middle = (at: Float32Array): number => sat.reduce((sum, s) => sum + at[s], 0) / sat.length;
    const found = near(m, free, sat.length, tier, middle(m.x), middle(m.y));
    if (found.seats.length === 0) return this.panel.tell(`${gone} ${voice.say("lost_none_near")}`);
    const offer = voice.say(found.together ? "near" : "near_apart", { where: seatsName(hall, voice, found.seats) });
    this.panel.tell(`${gone} ${offer}`, voice.say("use_near"), () => {
      hall.choose([...kept, ...found.seats]);
      this.view.reveal(found.seats);
    });
  }

  private toggle(seat: number): void {
    const { hall, voice, panel } = this;
    if (!this.choosing) return panel.say(spoken(hall, voice, seat));
    switch (hall.toggle(seat)) {
      case "chosen":
        panel.say(spoken(hall, voice, seat));
        return this.warnOfOrphans();
      case "left":
        panel.quiet();
        return panel.say(spoken(hall, voice, seat));
      case "full":
        return panel.tell(voice.say("limit", { n: hall.limit }));
      case "taken":
        return hall.mine.has(seat)
          ? panel.say(spoken(hall, voice, seat))
          : panel.tell(voice.say("not_free", { seat: seatName(hall, voice, seat) }));
      case "priceless":
        return panel.tell(voice.say("not_sold", { seat: seatName(hall, voice, seat) }));
    }
  }

  private warnOfOrphans(): void {
    const { hall, voice } = this;
    const alone = orphans(hall.model, (s) => hall.isFree(s), hall.chosen);
    if (alone.length === 0) return this.panel.quiet();
    const [s] = alone;
    this.panel.tell(voice.count("orphan", alone.length, { seat: hall.model.number[s], row: rowLabel(hall, s) }));
  }

  /** Places of an area: the first tap takes one, the tray asks how many. */
  private area(section: number): void {
    const { hall, voice } = this;
    if (!this.choosing) return this.card.show({ section });
    if (hall.freeIn[section] === 0)
      return this.panel.tell(`${hall.model.sections[section].name}: ${voice.say("sold_out")}`);
    const now = hall.places?.section === section ? hall.places.count : 0;
    if (now >= hall.limit) return this.panel.tell(voice.say("limit", { n: hall.limit }));
    hall.take(section, now + 1);
    this.panel.say(
      `${hall.model.sections[section].name}: ${voice.count("places", hall.size())}, ${voice.price(hall.total())}`,
    );
  }

  /** Proposes the best n seats among the prices that are shown, and says why these. */
  private find(n: number): void {
    const { hall, voice, panel } = this;
    const m = hall.model;
    const shown = m.tiers.map((_, i) => i).filter((i) => hall.shows(i));
    const one = shown.length === 1;
    const found = together(m, (s) => hall.isFree(s) && hall.shows(m.tier[s]), n, one ? shown[0] : -1);
    if (found.seats.length === 0) {
      const area = m.sections.findIndex(
        (s, i) => s.standing && hall.freeIn[i] >= n && s.tiers.some((t) => hall.shows(t)),
      );
      if (area < 0) return panel.tell(voice.say("none_left", { n }));
      hall.take(area, n);
      this.view.enter(area);
      return;
    }
    hall.choose(found.seats);
    this.view.reveal(found.seats, true);
    panel.tell(this.why(found, n, one));
  }

  private why(found: Proposal, n: number, oneTier: boolean): string {
    const where = seatsName(this.hall, this.voice, found.seats);
    if (!found.together) return this.voice.say("why_apart", { n, where });
    const key = n === 1 ? "why_one" : "why_together";
    return this.voice.say(oneTier ? key : `${key}_any`, { n, where });
  }

  private bindPointer(): void {
    const { canvas } = this.panel;
    const { view, card } = this;
    const hover = (e: PointerEvent): void => {
      if (e.pointerType !== "mouse" || e.buttons !== 0) return;
      const [x, y] = pointer(e, canvas);
      const hit = view.hit(x, y);
      canvas.style.cursor = hit ? "pointer" : "grab";
      if (JSON.stringify(hit) === JSON.stringify(view.hover)) return;
      view.hover = hit;
      card.show(hit);
      view.redraw();
    };
    const leave = (): void => {
      view.hover = null;
      card.show(null);
      view.redraw();
    };
    canvas.addEventListener("pointermove", hover);
    canvas.addEventListener("pointerleave", leave);
    canvas.addEventListener("wheel", leave, { passive: true });
    canvas.addEventListener("pointerdown", leave);
    canvas.addEventListener("click", (e) => this.tap(...pointer(e, canvas)));
  }

  private tap(x: number, y: number): void {
    const hit = this.view.hit(x, y);
    if (!hit) return;
    if ("seat" in hit) {
      this.view.focus = hit.seat;
      this.toggle(hit.seat);
      this.card.show(hit);
    } else if (this.hall.model.sections[hit.section].standing) this.area(hit.section);
    else {
      this.card.show(null);
      this.view.enter(hit.section);
    }
  }

  /** Size and theme of the page. */
  private watchPage(): void {
    new ResizeObserver(() => this.view.resize()).observe(this.panel.canvas);
    const restyle = (): void => this.view.restyle();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", restyle);
    new MutationObserver(restyle).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["class", "data-theme", "style"],
    });
    document.fonts?.ready.then(
      () => this.view.redraw(),
      () => undefined,
    );
  }
}
