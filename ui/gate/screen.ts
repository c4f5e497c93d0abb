// What is on the screen while people come in: camera, verdict, numbers, controls.
import { el } from "../map/dom";
import type { Spot } from "./entry";
import { picture, type Shape } from "./shapes";
import type { Tone } from "./sound";
import type { Key, Voice } from "./words";

/** A verdict, as it is shown. */
export interface Shown {
  tone: Tone;
  title: Key;
  seat: Spot | null;
  name?: string;
  list?: string; // of guests
  lines: string[]; // why, and what to do
  alone: Key | false; // decided without the network, or without the box office
}

/** What is in the bar and below the camera. */
export interface Status {
  event: string;
  entrance: string;
  online: boolean;
  offlineSince: string; // "Offline · list of 18:00"
  waiting: number;
  inside: number;
  entered: number;
  expected: number;
  here: number; // let in at this entrance
}

export interface Actions {
  kind(kind: "in" | "out"): void;
  undo(): void;
  search(): void;
  torch(on: boolean): void;
  settings(): void;
  counts(): void;
  camera(): void;
  dismissed(alarm: string): void;
}

/** How long a verdict stays when nothing else comes, ms. */
const STAYS = 4000;

const shapeOf: Record<Tone, Shape> = { yes: "tick", no: "cross", again: "warning", info: "arrow" };

export class Screen {
  readonly root: HTMLElement;
  readonly video = el("video", { muted: true, playsInline: true, tabIndex: -1, aria: { hidden: "true" } });
  private title = el("h1", { className: "gate-event" });
  private entrance = el("p", { className: "gate-entrance" });
  private badge = el("p", { className: "gate-badge", role: "status" });
  private stage = el("section", { className: "gate-stage" });
  private hint = el("div", { className: "gate-hint" });
  private verdict = el("section", { className: "gate-verdict", hidden: true, role: "alert" });
  private last = el("p", { className: "gate-last" });
  private alarms = el("div", { className: "gate-alarms" });
  private counts = el("dl", { className: "gate-figures" });
  private light: HTMLButtonElement;
  private entry: HTMLInputElement;
  private exit: HTMLInputElement;
  private timer = 0;
  private said = ""; // on the badge

  constructor(
    private voice: Voice,
    private act: Actions,
  ) {
    const radio = (value: "in" | "out", label: Key): [HTMLInputElement, HTMLElement] => {
      const input = el("input", { type: "radio", name: "kind", value, on: { change: () => act.kind(value) } });
      return [input, el("label", { className: "gate-way" }, input, el("span", {}, voice.say(label)))];
    };
    const [entry, entryLabel] = radio("in", "entry");
    const [exit, exitLabel] = radio("out", "exit");
    this.entry = entry;
    this.exit = exit;
    this.light = this.button("light", "light", () => {
      const on = this.light.getAttribute("aria-pressed") !== "true";
      this.light.setAttribute("aria-pressed", String(on));
      act.torch(on);
    });
    this.light.setAttribute("aria-pressed", "false");
    this.light.hidden = true;
    this.stage.append(
      this.video,
      el("div", { className: "gate-frame", aria: { hidden: "true" } }),
      this.hint,
      this.last,
    );
    this.verdict.addEventListener("click", () => this.clear());
    this.root = el(
      "div",
      { className: "gate-scan" },
      el("header", { className: "gate-bar" }, el("div", {}, this.title, this.entrance), this.badge),
      this.stage,
      this.verdict,
      el(
        "div",
        { className: "gate-below" },
        this.alarms,
        this.counts,
        el(
          "div",
          { className: "gate-controls", role: "group", aria: { label: voice.say("controls") } },
          el(
            "fieldset",
            { className: "gate-ways" },
            el("legend", { className: "unseen" }, voice.say("direction")),
            entryLabel,
            exitLabel,
          ),
          this.button("undo", "undo", () => act.undo(), voice.say("undo_long")),
          this.button("search", "search", () => act.search()),
          this.button("counts", "counts", () => act.counts(), voice.say("counts_long")),
          this.light,
          this.button("settings", "settings", () => act.settings()),
        ),
      ),
    );
    this.kind("in");
  }

  private button(word: Key, shape: Shape, press: () => void, label?: string): HTMLButtonElement {
    const button = el(
      "button",
      { type: "button", className: `gate-button gate-${word}`, on: { click: press } },
      picture(shape),
      el("span", {}, this.voice.say(word)),
    );
    if (label) button.title = label;
    return button;
  }

  kind(kind: "in" | "out"): void {
    this.entry.checked = kind === "in";
    this.exit.checked = kind === "out";
    this.root.dataset.kind = kind;
  }

  status(s: Status): void {
    const { voice } = this;
    this.title.textContent = s.event;
    this.entrance.textContent = s.entrance;
    this.root.dataset.online = String(s.online);
    const badge = [s.online ? voice.say("online") : s.offlineSince];
    if (s.waiting > 0) badge.push(voice.count("waiting", s.waiting));
    if (this.said !== badge.join()) this.badge.replaceChildren(...badge.map((line) => el("span", {}, line)));
    this.said = badge.join();
    this.counts.replaceChildren(
      ...this.count("inside", s.inside),
      ...this.count("entered", s.entered, s.expected > 0 ? voice.say("of", { n: s.expected }) : ""),
      ...this.count("here", s.here),
    );
  }

  private count(word: Key, n: number, of = ""): HTMLElement[] {
    return [
      el(
        "div",
        {},
        el("dt", {}, this.voice.say(word)),
        el(
          "dd",
          { className: `gate-n-${word}` },
          el("b", {}, this.voice.number(n)),
          of ? el("small", {}, ` ${of}`) : null,
        ),
      ),
    ];
  }

  /** The camera runs, or not and why. */
  camera(running: boolean, torch: boolean, text: Key, offer: boolean): void {
    this.root.dataset.camera = String(running);
    this.light.hidden = !torch;
    if (!torch) this.light.setAttribute("aria-pressed", "false");
    const parts: Node[] = [el("p", {}, this.voice.say(text))];
    if (offer)
      parts.push(
        el(
          "button",
          { type: "button", className: "gate-button gate-start", on: { click: () => this.act.camera() } },
          picture("camera"),
          el("span", {}, this.voice.say("camera_start")),
        ),
      );
    this.hint.replaceChildren(...parts);
  }

  /** Shows a verdict over all but the controls, until the next one or for a while. */
  show(v: Shown): void {
    const { voice } = this;
    clearTimeout(this.timer);
    this.verdict.className = `gate-verdict gate-${v.tone}`;
    const seat = v.seat ? [seatCard(v.seat, voice)] : [];
    const list = v.list
      ? [el("p", { className: v.list.length > 16 ? "gate-list gate-long" : "gate-list", dir: "auto" }, v.list)]
      : [];
    const name = v.name ? [el("p", { className: "gate-name", dir: "auto" }, v.name)] : [];
    const mark = v.alone ? [el("p", { className: "gate-alone" }, voice.say(v.alone))] : [];
    this.verdict.replaceChildren(
      el(
        "div",
        { className: "gate-verdict-in" },
        el("div", { className: "gate-sign" }, picture(shapeOf[v.tone]), el("h2", {}, voice.say(v.title))),
        el(
          "div",
          { className: "gate-what" },
          ...list,
          ...seat,
          ...name,
          ...v.lines.map((l) => el("p", {}, l)),
          ...mark,
        ),
      ),
    );
    this.verdict.hidden = false;
    this.last.dataset.tone = v.tone;
    this.last.textContent = voice.say("last", {
      text: [voice.say(v.title), v.seat ? seatText(v.seat, voice) : ""].filter(Boolean).join(" · "),
    });
    this.timer = setTimeout(() => this.clear(), STAYS) as unknown as number;
  }

  clear(): void {
    clearTimeout(this.timer);
    this.verdict.hidden = true;
  }

  /** Says what stays until somebody has read it. The same name again replaces the text. */
  alarm(name: string, text: string): void {
    this.calm(name);
    const close = el(
      "button",
      { type: "button", className: "gate-small", on: { click: () => this.dismiss(name) } },
      this.voice.say("dismiss"),
    );
    const line = el("div", { className: "gate-alarm", role: "alert" }, el("p", {}, text), close);
    line.dataset.name = name;
    this.alarms.append(line);
    while (this.alarms.children.length > 3) this.alarms.firstElementChild?.remove();
  }

  private dismiss(name: string): void {
    this.calm(name);
    this.act.dismissed(name);
  }

  private calm(name: string): void {
    for (const line of this.alarms.querySelectorAll<HTMLElement>(".gate-alarm"))
      if (line.dataset.name === name) line.remove();
  }
}

/** Where a seat is, in one line. */
export function seatText(s: Spot, voice: Voice): string {
  return s.number ? voice.say("seat_text", { section: s.section, row: s.row, seat: s.number }) : s.section;
}

/** Where a seat is, to be read from afar. */
function seatCard(s: Spot, voice: Voice): HTMLElement {
  const part = (word: Key, text: string): HTMLElement =>
    el(
      "div",
      { className: text.length > 8 ? "gate-long" : "" },
      el("dt", {}, voice.say(word)),
      el("dd", { dir: "auto" }, text),
    );
  const parts = [part("section", s.section)];
  if (s.row) parts.push(part("row", s.row));
  if (s.number) parts.push(part("seat", s.number));
  return el("dl", { className: "gate-seat" }, ...parts);
}
