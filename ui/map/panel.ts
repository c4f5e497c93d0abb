// What stands around the canvas: prices, the finder, zoom buttons, notices and
// the tray with the reader's choice.
import { CLOSE, el, FIT, icon, MINUS, PLUS, stepper } from "./dom";
import type { Hall, Places } from "./hall";
import { lookOf, struckEye, tick, trace, wheelchair } from "./shapes";
import { rowLabel, seatName } from "./tell";
import type { Voice } from "./words";

export interface Actions {
  zoom(by: number): void; // 0: the whole plan
  find(n: number): void;
  point(seat: number): void; // shows where a chosen seat is
}

/** A swatch: a seat of a tier as it looks on the map. */
function swatch(tier: number): SVGElement {
  const { colour, shape } = lookOf(tier);
  return drawn((c) => trace(c, shape, 8, 8, 5.6), `sm-swatch sm-t${colour + 1}`, false);
}

/** Turns what is drawn on a canvas into a path: shapes are written down once. */
function drawn(draw: (c: CanvasRenderingContext2D) => void, className: string, line: boolean): SVGElement {
  const d: string[] = [];
  let last = [0, 0];
  const go = (to: string, x: number, y: number): void => {
    d.push(`${to}${x} ${y}`);
    last = [x, y];
  };
  /** A rounded corner at a, on the way to b. */
  const corner = (ax: number, ay: number, bx: number, by: number, r: number): void => {
    const towards = (x: number, y: number): [number, number] => {
      const f = r / (Math.hypot(x - ax, y - ay) || 1);
      return [ax + (x - ax) * f, ay + (y - ay) * f];
    };
    go("L", ...towards(last[0], last[1]));
    go(`Q${ax} ${ay} `, ...towards(bx, by));
  };
  const circle = (x: number, y: number, r: number, from: number, to: number, back = false): void => {
    const whole = Math.abs(to - from) >= 6.28;
    const end = whole ? from + (back ? -Math.PI : Math.PI) : to;
    const at = (a: number): string => `${(x + r * Math.cos(a)).toFixed(2)} ${(y + r * Math.sin(a)).toFixed(2)}`;
    const span = back ? (from - end + 4 * Math.PI) % (2 * Math.PI) : (end - from + 4 * Math.PI) % (2 * Math.PI);
    d.push(`M${at(from)}A${r} ${r} 0 ${span > Math.PI + 0.01 ? 1 : 0} ${back ? 0 : 1} ${at(end)}`);
    if (whole) d.push(`A${r} ${r} 0 0 ${back ? 0 : 1} ${at(from)}`);
  };
  const pen = {
    moveTo: (x: number, y: number) => go("M", x, y),
    lineTo: (x: number, y: number) => go("L", x, y),
    quadraticCurveTo: (a: number, b: number, x: number, y: number) => d.push(`Q${a} ${b} ${x} ${y}`),
    arcTo: corner,
    rect: (x: number, y: number, w: number, h: number) => d.push(`M${x} ${y}h${w}v${h}h${-w}z`),
    arc: circle,
    closePath: () => d.push("Z"),
    beginPath: () => 0,
    stroke: () => 0,
    fill: () => 0,
  };
  draw(pen as unknown as CanvasRenderingContext2D);
  const svg = icon(d.join(""));
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", line ? `${className} sm-line` : className);
  return svg;
}

/** Without a form nothing can be chosen: finder and tray are left out. */
export class Panel {
  readonly stageBox = el("div", { className: "sm-stage" });
  readonly canvas = el("canvas", { className: "sm-canvas", tabIndex: 0, role: "application" });
  private notice = el("div", { className: "sm-notice", hidden: true });
  private said = el("div", { className: "sm-said", role: "status", aria: { live: "polite" } });
  private tray = el("div", { className: "sm-tray" });
  private chips: HTMLButtonElement[] = [];
  private counts: HTMLElement[] = [];
  private fading = 0;

  constructor(
    root: HTMLElement,
    private hall: Hall,
    private voice: Voice,
    private actions: Actions,
    private form: HTMLFormElement | null,
  ) {
    const help = el("p", { className: "sm-said", id: "sm-help" }, voice.say("map_help"));
    this.canvas.setAttribute("aria-label", voice.say("map_label"));
    this.canvas.setAttribute("aria-describedby", help.id);
    this.stageBox.append(this.canvas, this.zoomButtons(), this.notice);
    root.replaceChildren(this.head(), this.stageBox, this.legend(), ...(form ? [this.tray] : []), this.said, help);
    root.className = "seatmap";
    hall.on((c) => {
      if (c.kind === "filter") this.showFilter();
      if (c.kind === "seats") this.showCounts();
      if (c.kind === "chosen" || (c.kind === "seats" && hall.places)) this.showTray();
    });
    this.showCounts();
    this.showTray();
  }

  private head(): HTMLElement {
    const { hall, voice } = this;
    const list = el("div", { className: "sm-prices", role: "group", aria: { label: voice.say("prices") } });
    hall.model.tiers.forEach((t, i) => {
      const count = el("span", { className: "sm-free" });
      const chip = el(
        "button",
        {
          type: "button",
          className: "sm-chip",
          aria: { pressed: "false" },
          on: { click: () => (hall.freeAt[i] > 0 || hall.filtered()) && hall.filter(i) },
        },
        swatch(i),
        el("span", { className: "sm-price" }, t.label),
        el("span", { className: "sm-name" }, t.name),
        count,
      );
      this.chips.push(chip);
      this.counts.push(count);
      list.append(chip);
    });
    return el("div", { className: "sm-head" }, list, this.form ? this.finder() : null);
  }

  private finder(): HTMLElement {
    const { hall, voice } = this;
    let wanted = Math.min(2, hall.limit);
    const words = { label: voice.say("together"), fewer: voice.say("fewer"), more: voice.say("more") };
    const number = stepper(
      words,
      wanted,
      (n) => (wanted = n),
      () => hall.limit,
    );
    const find = el(
      "button",
      { type: "button", className: "sm-find", on: { click: () => this.actions.find(wanted) } },
      voice.say("find"),
    );
    return el(
      "div",
      { className: "sm-finder" },
      el("span", { className: "sm-finder-label" }, voice.say("together")),
      number.root,
      find,
    );
  }

  private zoomButtons(): HTMLElement {
    const { voice, actions } = this;
    const button = (label: string, path: string, by: number): HTMLButtonElement =>
      el(
        "button",
        { type: "button", aria: { label }, title: label, on: { click: () => actions.zoom(by) } },
        icon(path),
      );
    return el(
      "div",
      { className: "sm-zoom" },
      button(voice.say("zoom_in"), PLUS, 1.8),
      button(voice.say("zoom_out"), MINUS, 1 / 1.8),
      button(voice.say("zoom_fit"), FIT, 0),
    );
  }

  private legend(): HTMLElement {
    const { hall, voice } = this;
    const item = (picture: Node, text: string): HTMLElement => el("li", {}, picture, text);
    const dot = (name: string): HTMLElement => el("span", { className: `sm-dot sm-dot-${name}` });
    const own = (name: string): HTMLElement => {
      const d = dot(name);
      d.append(drawn((c) => tick(c, 8, 8, 8), "", true));
      return d;
    };
    const has = (mark: number): boolean => hall.model.marks.some((m) => (m & mark) !== 0);
    return el(
      "ul",
      { className: "sm-legend" },
      item(own("chosen"), voice.say("legend_chosen")),
      hall.mine.size > 0 ? item(own("mine"), voice.say("legend_mine")) : null,
      item(dot("taken"), voice.say("legend_taken")),
      has(1)
        ? item(
            drawn((c) => wheelchair(c, 8, 8, 8), "sm-mark", true),
            voice.say("accessible"),
          )
        : null,
      has(2)
        ? item(
            drawn((c) => struckEye(c, 8, 8, 9), "sm-mark", true),
            voice.say("restricted"),
          )
        : null,
    );
  }

  private showFilter(): void {
    this.chips.forEach((c, i) => {
      c.setAttribute("aria-pressed", String(this.hall.shown[i]));
    });
    this.chips[0]?.parentElement?.classList.toggle("sm-filtered", this.hall.filtered());
  }

  private showCounts(): void {
    this.counts.forEach((c, i) => {
      const n = this.hall.freeAt[i];
      const text = n === 0 ? this.voice.say("sold_out") : this.voice.count("free", n);
      if (c.textContent !== text) c.textContent = text;
      this.chips[i].classList.toggle("sm-gone", n === 0);
      this.chips[i].setAttribute("aria-disabled", String(n === 0)); // nothing to choose there
    });
  }

  /** Says something to those who listen. */
  say(text: string): void {
    this.said.textContent = text;
  }

  /** Shows a notice, with something to do about it or not; it goes by itself when it asks for nothing. */
  tell(text: string, button?: string, act?: () => void): void {
    clearTimeout(this.fading);
    const close = el(
      "button",
      {
        type: "button",
        className: "sm-close",
        aria: { label: this.voice.say("close") },
        on: { click: () => this.quiet() },
      },
      icon(CLOSE),
    );
    const doing =
      button && act
        ? el(
            "button",
            {
              type: "button",
              className: "sm-do",
              on: {
                click: () => {
                  this.quiet();
                  act();
                },
              },
            },
            button,
          )
        : null;
    this.notice.replaceChildren(el("p", {}, text), ...(doing ? [doing] : []), close);
    this.notice.hidden = false;
    this.say(text);
    if (!doing) this.fading = window.setTimeout(() => this.quiet(), 4000 + text.length * 60);
  }

  quiet(): void {
    clearTimeout(this.fading);
    this.notice.hidden = true;
  }

  private showTray(): void {
    const { hall, voice } = this;
    const n = hall.size();
    const kind = hall.places ? "places" : "chosen";
    this.tray.classList.toggle("sm-empty", n === 0);
    const held = this.tray.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset.seat
      : undefined;
    if (n === 0) {
      this.tray.replaceChildren(el("p", { className: "sm-hint" }, voice.say("hint", { n: hall.limit })));
      if (held !== undefined) this.canvas.focus();
      return;
    }
    const total = el(
      "p",
      { className: "sm-total" },
      el("span", {}, voice.count(kind, n)),
      el("strong", {}, voice.price(hall.total())),
      el("small", {}, voice.say("all_in")),
    );
    const hold = el(
      "button",
      { type: "submit", className: "sm-hold", name: "chosen", value: "1" },
      voice.count(hall.places ? "hold_places" : "hold", n),
    );
    if (this.form) hold.setAttribute("form", this.form.id);
    this.tray.replaceChildren(
      hall.places ? this.area(hall.places) : this.seats(),
      el("div", { className: "sm-sum" }, total, hold),
    );
    if (held !== undefined) (this.tray.querySelector<HTMLElement>(".sm-drop, .sm-step:enabled") ?? this.canvas).focus();
  }

  private seats(): HTMLElement {
    const { hall, voice, actions } = this;
    const m = hall.model;
    return el(
      "ul",
      { className: "sm-seats" },
      ...[...hall.chosen]
        .sort((a, b) => a - b)
        .map((s) => {
          const drop = el(
            "button",
            {
              type: "button",
              className: "sm-drop",
              aria: { label: voice.say("remove", { seat: seatName(hall, voice, s) }) },
              on: { click: () => hall.toggle(s) },
            },
            icon(CLOSE),
          );
          drop.dataset.seat = String(s);
          const where = el(
            "button",
            { type: "button", className: "sm-where", on: { click: () => actions.point(s) } },
            swatch(m.tier[s]),
            el(
              "span",
              {},
              el("b", {}, voice.say("seat_short", { row: rowLabel(hall, s), seat: m.number[s] })),
              el("small", {}, m.sections[m.section[s]].name),
            ),
            el("span", { className: "sm-cost" }, m.tiers[m.tier[s]].label),
          );
          return el("li", {}, where, drop);
        }),
    );
  }

  private area({ section, count }: Places): HTMLElement {
    const { hall, voice } = this;
    const s = hall.model.sections[section];
    const words = { label: s.name, fewer: voice.say("fewer"), more: voice.say("more") };
    const most = (): number => Math.min(hall.limit, hall.freeIn[section]);
    const places = stepper(words, count, (n) => hall.take(section, n), most, 0);
    for (const b of places.root.querySelectorAll("button")) b.dataset.seat = "area";
    return el(
      "div",
      { className: "sm-area" },
      swatch(s.tiers[s.tiers.length - 1] ?? 0),
      el("b", {}, s.name),
      el("span", { className: "sm-cost" }, voice.price(hall.priceIn(section))),
      places.root,
    );
  }
}
