// What the map says about the seat or the area under the pointer.
import { el } from "./dom";
import type { Hall } from "./hall";
import { marksOf, rowLabel, stateOf } from "./tell";
import type { Hit, View } from "./view";
import type { Voice } from "./words";

export class Card {
  private box = el("div", { className: "sm-card", hidden: true, aria: { hidden: "true" } });
  private shown: Hit = null;

  constructor(
    private view: View,
    private hall: Hall,
    private voice: Voice,
    parent: HTMLElement,
  ) {
    parent.append(this.box);
    hall.on((c) => {
      if (c.kind !== "filter") this.show(this.shown);
    });
  }

  show(hit: Hit): void {
    this.shown = hit;
    if (!hit) {
      this.box.hidden = true;
      return;
    }
    this.box.replaceChildren(...("seat" in hit ? this.seat(hit.seat) : this.section(hit.section)));
    this.box.hidden = false;
    this.place(hit);
  }

  private seat(seat: number): HTMLElement[] {
    const { hall, voice } = this;
    const m = hall.model;
    const tier = m.tiers[m.tier[seat]];
    const lines = [
      el("small", {}, m.sections[m.section[seat]].name),
      el("b", {}, voice.say("seat_short", { row: rowLabel(hall, seat), seat: m.number[seat] })),
    ];
    if (tier) lines.push(el("span", { className: "sm-card-price" }, el("strong", {}, tier.label), ` ${tier.name}`));
    const free = hall.isFree(seat) && !hall.chosen.has(seat);
    if (!free) lines.push(el("span", { className: "sm-card-state" }, stateOf(hall, voice, seat)));
    for (const text of marksOf(hall, voice, seat)) lines.push(el("span", { className: "sm-card-mark" }, text));
    return lines;
  }

  private section(index: number): HTMLElement[] {
    const { hall, voice } = this;
    const m = hall.model;
    const s = m.sections[index];
    const free = hall.freeIn[index];
    const price =
      s.tiers.length === 0
        ? ""
        : s.tiers.length > 1
          ? voice.say("from", { price: voice.price(hall.priceIn(index)) })
          : m.tiers[s.tiers[0]].label;
    return [
      el("b", {}, s.name),
      el(
        "span",
        { className: "sm-card-price" },
        el("strong", {}, price),
        ` ${free > 0 ? voice.count("free", free) : voice.say("sold_out")}`,
      ),
    ];
  }

  /** Above what it speaks of, or below where there is no room. */
  private place(hit: NonNullable<Hit>): void {
    const { camera } = this.view;
    const m = this.hall.model;
    const section = m.sections["seat" in hit ? m.section[hit.seat] : hit.section];
    const [x, y] =
      "seat" in hit ? camera.screen(m.x[hit.seat], m.y[hit.seat]) : camera.screen(section.middle.x, section.middle.y);
    const away = "seat" in hit ? section.pitch * camera.at.k * 0.5 + 8 : 24;
    const { offsetWidth: w, offsetHeight: h } = this.box;
    const above = y - away - h > 4;
    const left = Math.max(4, Math.min(camera.width - w - 4, x - w / 2));
    const top = Math.max(4, Math.min(camera.height - h - 4, above ? y - away - h : y + away));
    this.box.style.transform = `translate(${Math.round(left)}px,${Math.round(top)}px)`;
  }
}
