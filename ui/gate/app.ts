// The app: which screen is shown, and what its buttons do.

import { el } from "../map/dom";
import { Camera, type Trouble } from "./camera";
import { Clock } from "./clock";
import { rulesAt } from "./decide";
import { type Chip, counts, type Facts, type Found, search, settings } from "./dialogs";
import { Door, type Outcome } from "./door";
import type { Answer, How, Own, Reason } from "./entry";
import { codeIn, pairing } from "./pairing";
import { Screen, type Shown, seatText } from "./screen";
import { Sound, type Tone } from "./sound";
import type { Choices, Memory, Store } from "./store";
import { Keys, reference } from "./token";
import { wedge } from "./wedge";
import { type DoorState, type Guest, Refused, Wire } from "./wire";
import { type Key, Voice, type Words } from "./words";

/** What the page says to its script. */
export interface PageData {
  words: Record<string, Partial<Words>>; // by language
  decoder: string; // path of the worker's script
}

export class App {
  private wire = new Wire();
  private sound = new Sound();
  private voice: Voice;
  private door: Door | null = null;
  private screen: Screen | null = null;
  private camera: Camera | null = null;
  private kind: "in" | "out" = "in";
  private trouble: Trouble | null = null;
  private running = false;
  private said: Map<string, () => string> = new Map(); // alarms that stay
  private drawing = false;

  constructor(
    private root: HTMLElement,
    private data: PageData,
    private store: Store,
    private memory: Memory,
  ) {
    this.voice = this.speaking();
    wedge((text) => this.read(text, "wedge"));
    document.addEventListener("keydown", (e) => {
      if (e.key === "Escape") this.screen?.clear();
    });
    document.addEventListener("visibilitychange", () => void this.stayAwake());
    window.addEventListener("hashchange", () => {
      if (!this.door && codeIn(location.hash)) this.pair();
    });
  }

  start(): void {
    this.dress();
    if (this.memory.device) this.scan();
    else this.pair();
  }

  private get choices(): Choices {
    return this.memory.choices;
  }

  private speaking(): Voice {
    const asked = new URLSearchParams(location.search).get("lang");
    const wanted = [asked, this.memory.choices.lang, document.documentElement.lang, "en"];
    const lang = wanted.find((l) => l && this.data.words[l]) ?? "en";
    return new Voice(this.data.words[lang] ?? {}, lang, this.memory.state?.event.time_zone);
  }

  /** Gives the page its language and contrast. */
  private dress(): void {
    document.documentElement.lang = this.voice.lang;
    document.documentElement.toggleAttribute("data-sun", this.choices.sun);
    document.title = this.voice.say("title");
  }

  // Pairing

  private pair(): void {
    const code = codeIn(location.hash);
    this.root.replaceChildren(
      pairing(this.voice, this.wire, this.data.decoder, code, (...made) => void this.paired(...made)),
    );
  }

  private async paired(token: string, state: DoorState, sent: number): Promise<void> {
    // A gate node passes the office's signed time on here, and nowhere else.
    const clock = new Clock();
    const got = Date.now();
    if (state.time && (await new Keys(state.keys.keys).checkTime(state.device.id, state.time)))
      clock.learn(state.time.now / 1000, sent, got);
    history.replaceState(null, "", location.pathname);
    await this.store.forget();
    const { choices } = this.memory;
    this.memory = { ...(await this.store.load()), choices, device: { id: state.device.id, token }, state };
    this.memory.clock = clock.keep();
    await this.store.set({ device: this.memory.device, state, clock: this.memory.clock });
    void navigator.storage?.persist?.().catch(() => undefined);
    this.voice = this.speaking();
    this.scan();
  }

  // Scanning

  private scan(): void {
    this.wire.token = this.memory.device?.token ?? "";
    const door = new Door(this.store, this.wire, this.memory, {
      changed: () => this.draw(),
      late: (own, answer) => this.late(own, answer),
      full: () => this.alarm("full", () => this.voice.say("full")),
      ended: (why) => this.ended(why),
    });
    this.door = door;
    this.build();
    void this.stayAwake();
    void door.run();
  }

  /** Builds the screen, also when another language is chosen. */
  private build(): void {
    this.camera?.stop();
    const screen = new Screen(this.voice, {
      kind: (kind) => this.turn(kind),
      undo: () => void this.undo(),
      search: () => this.search(),
      torch: (on) => void this.camera?.torch(on).catch(() => undefined),
      settings: () => this.settings(),
      counts: () => this.counts(),
      camera: () => this.choose({ camera: true }),
      dismissed: (name) => this.said.delete(name),
    });
    this.screen = screen;
    screen.kind(this.kind);
    this.root.replaceChildren(screen.root);
    this.camera = new Camera(
      screen.video,
      this.data.decoder,
      (text) => this.read(text, "camera"),
      (running, trouble) => {
        this.running = running;
        this.trouble = trouble;
        this.draw();
      },
    );
    for (const [name, text] of this.said) screen.alarm(name, text());
    this.draw();
    if (this.choices.camera) void this.camera.start();
  }

  /** Keeps the screen on, which the browser forgets whenever the page is hidden. */
  private async stayAwake(): Promise<void> {
    if (this.door && !document.hidden) await navigator.wakeLock?.request("screen").catch(() => undefined);
  }

  private turn(kind: "in" | "out"): void {
    this.kind = kind;
    this.screen?.kind(kind);
  }

  /** Draws numbers and connection, once a frame however often they change. */
  private draw(): void {
    if (this.drawing) return;
    this.drawing = true;
    queueMicrotask(() => {
      this.drawing = false;
      this.drawNow();
    });
  }

  private drawNow(): void {
    const { door, screen, voice, camera } = this;
    if (!door || !screen) return;
    const made = door.list ? voice.time(door.list.made / 1000) : "";
    const line = door.state?.line; // of a gate node
    const offline = made ? voice.say("offline_list", { time: made }) : voice.say("offline");
    screen.status({
      event: door.state?.event.title ?? "",
      entrance: door.entrance.name,
      online: door.online && line?.up !== false,
      offlineSince: door.online && line ? voice.say("no_line", { time: voice.time(line.seen_at / 1000) }) : offline,
      waiting: door.queue.length,
      inside: door.fold.inside,
      entered: door.fold.entered,
      expected: door.tickets,
      here: door.here.entered,
    });
    const offer = !this.running && (this.trouble === null || this.trouble !== "camera_insecure");
    screen.camera(this.running, camera?.hasTorch ?? false, this.hint(), offer);
  }

  private hint(): Key {
    if (!this.door?.list) return this.door?.online ? "loading" : "no_list";
    if (this.running) return "ready";
    return this.trouble ?? "camera_off";
  }

  private read(code: string, how: How): void {
    const open = document.querySelector("dialog");
    if (!this.door || (open && how === "camera")) return;
    open?.close();
    void this.door.scan(code, this.kind, how).then((o) => this.show(o));
  }

  private async undo(): Promise<void> {
    const outcome = await this.door?.undo();
    if (outcome) this.show(outcome);
    else
      this.say({
        tone: "no",
        title: "refused_out",
        seat: null,
        lines: [this.voice.say("nothing_to_undo")],
        alone: false,
      });
  }

  private show(o: Outcome): void {
    const admitted: Record<Outcome["kind"], [Tone, Key]> = {
      in: ["yes", "admitted"],
      out: ["info", "out_ok"],
      undo: ["info", "undone"],
    };
    let [tone, title] = admitted[o.kind];
    if (!o.admitted)
      [tone, title] =
        o.reason === "already-inside" ? ["again", "again"] : ["no", o.kind === "in" ? "refused" : "refused_out"];
    this.say({
      tone,
      title,
      seat: o.seat,
      name: o.name,
      list: o.list,
      lines: !o.admitted ? this.why(o) : o.untimed ? [this.voice.say("untimed_mark")] : [],
      alone: o.alone && (o.alone === "node" ? "alone_node" : "alone_mark"),
    });
  }

  private say(shown: Shown): void {
    this.screen?.show(shown);
    if (this.choices.sound) this.sound.play(shown.tone);
    if (this.choices.buzz) this.sound.buzz(shown.tone);
  }

  /** Why somebody is not let in, and what to do. */
  private why(
    o: { reason: Reason; first?: Outcome["first"]; seat: Outcome["seat"] },
    entrance = this.door?.entrance,
  ): string[] {
    const { voice } = this;
    const set = this.door?.state?.settings;
    const rules = entrance && set && rulesAt(entrance, set);
    const time = (text?: string): string => (text ? voice.time(Date.parse(text)) : "");
    switch (o.reason) {
      case "already-inside":
        return o.first ? [this.since(o.first)] : [];
      case "too-early":
        return [voice.say(entrance?.opens_at ? "too_early_here" : "too_early", { time: time(rules?.opens_at) })];
      case "too-late":
        return [voice.say(entrance?.closes_at ? "too_late_here" : "too_late", { time: time(rules?.closes_at) })];
      case "wrong-entrance": {
        const id = o.seat?.section_id;
        const right = (set?.entrances ?? []).filter(
          (e) => e.id !== entrance?.id && (!e.sections?.length || (id && e.sections.includes(id))),
        );
        const lines = [voice.say("wrong_entrance")];
        if (right.length > 0) lines.push(voice.say("use_entrance", { entrances: right.map((e) => e.name).join(", ") }));
        return lines;
      }
      case "no-reentry":
        return [voice.say("no_reentry"), ...(o.first ? [this.since(o.first)] : [])];
      case "ok":
        return [];
      default:
        return [voice.say(o.reason.replace(/-/g, "_") as Key)];
    }
  }

  private since(first: NonNullable<Outcome["first"]>): string {
    return this.voice.say("since", {
      time: this.voice.time(first.at),
      entrance: this.door?.entranceName(first.entrance) ?? first.entrance,
    });
  }

  /** The node says something else about a scan than this device had decided alone. */
  private late(own: Own, answer: Answer): void {
    const seat = answer.seat ?? this.door?.seat(own.seat) ?? null;
    const { first } = answer;
    this.alarm(`late ${own.counter}`, () => {
      const text = seat ? seatText(seat, this.voice) : reference(own.booking);
      if (!first)
        return [
          `${text}:`,
          ...this.why({ reason: answer.reason, seat }, this.door?.entranceOf(own.scan.entrance)),
        ].join(" ");
      return this.voice.say("double", {
        seat: text,
        time: this.voice.time(first.at),
        entrance: this.door?.entranceName(first.entrance) ?? first.entrance,
      });
    });
    if (this.choices.sound) this.sound.play("again");
  }

  private alarm(name: string, text: () => string): void {
    this.said.set(name, text);
    this.screen?.alarm(name, text());
  }

  // Dialogs

  private choose(c: Partial<Choices>): void {
    Object.assign(this.choices, c);
    void this.store.set({ choices: this.choices }).catch(() => undefined);
    this.dress();
    if (c.camera === true) void this.camera?.start();
    if (c.camera === false) this.camera?.stop();
    if (c.entrance) this.draw();
    if (c.sound) this.sound.play("yes");
    if (c.buzz) this.sound.buzz("yes");
  }

  private settings(): void {
    const { door, voice } = this;
    if (!door) return;
    const facts: Facts = [
      ["event", door.state?.event.title ?? ""],
      ["device", door.state?.device.name ?? ""],
      ["entrance", door.entrance.name],
    ];
    if (door.list)
      facts.push(["list", voice.say("list_text", { n: door.tickets, time: voice.time(door.list.made / 1000) })]);
    if (door.knowsNames) facts.push(["names", voice.say("names_text", { n: door.named })]);
    facts.push(["without", voice.say(door.state?.settings.alone === "refuse" ? "without_refuse" : "without_admit")]);
    const list = door.state?.device.entrance ? [] : (door.state?.settings.entrances ?? []);
    settings(voice, this.choices, { list, here: door.entrance.id }, facts, {
      choose: (c) => this.choose(c),
      speak: (lang) => {
        this.choose({ lang });
        history.replaceState(null, "", location.pathname);
        this.voice = this.speaking();
        this.dress();
        this.build();
      },
      unpair: (sure) => {
        if (door.queue.length > 0) return voice.count("unpair_waiting", door.queue.length);
        if (!sure) return voice.say("unpair_sure");
        void this.unpair();
        return null;
      },
    });
  }

  private async unpair(): Promise<void> {
    this.door?.end();
    this.camera?.stop();
    this.door = null;
    this.screen = null;
    this.said.clear();
    this.wire.token = "";
    await this.store.forget();
    this.memory = { ...(await this.store.load()), choices: this.choices };
    this.pair();
  }

  /** How many came in, in all and where. */
  private counts(): void {
    const { door, voice } = this;
    if (!door) return;
    const lists = [...door.lists()].map(([name, guests]) => ({
      name,
      inside: guests.filter((g) => g.inside).length,
      entered: guests.filter((g) => g.entered).length,
      tickets: guests.length,
    }));
    counts(voice, [
      [
        null,
        [
          { name: voice.say("all"), inside: door.fold.inside, entered: door.fold.entered, tickets: door.tickets },
          { name: voice.say("mine"), entered: door.mine },
        ],
      ],
      ["entrances", door.entrances()],
      ["lists", lists],
      ["sections", door.sections()],
    ]);
  }

  private search(): void {
    const { door, voice } = this;
    if (!door) return;
    const may = door.state?.device.names ?? false;
    const chips = (): Chip[] =>
      [...door.lists()].map(([name, guests]) => ({
        text: voice.say("list_count", { list: name, n: guests.filter((g) => g.entered).length, of: guests.length }),
        found: () => (door.lists().get(name) ?? []).map((g) => this.guest(g)),
      }));
    if (may && (door.online || door.knowsNames))
      return search(voice, "find_label", door.online ? null : "find_hint_kept", (text) => this.find(text), chips());
    search(
      voice,
      "find_label_offline",
      may ? "find_hint_offline" : "find_hint_rights",
      async (text) => this.remembered(text),
      [],
    );
  }

  private async find(text: string): Promise<Found[] | Key> {
    try {
      return (await (this.door as Door).guests(text)).map((g) => this.guest(g));
    } catch (err) {
      if (err instanceof Refused && err.type === "too-many-searches") return "find_too_many";
      return err instanceof Refused && err.status === 0 ? this.remembered(text) : "find_failed";
    }
  }

  private guest(g: Guest): Found {
    const { voice, door } = this;
    const where = g.entrance ? (door?.entranceName(g.entrance) ?? "") : "";
    return {
      title: seatText(g.seat, voice),
      name: g.name,
      list: g.list,
      reference: g.reference,
      text: g.inside
        ? voice.say("is_inside", { time: voice.time(g.in ?? 0), entrance: where })
        : voice.say("is_outside"),
      act: {
        word: g.inside ? "find_out" : "find_in",
        press: () =>
          void door
            ?.admit(g, g.inside ? "out" : "in")
            .then((o) => this.show({ ...o, name: o.name ?? g.name, list: o.list ?? g.list })),
      },
    };
  }

  /** What this device has scanned of a booking. */
  private remembered(text: string): Found[] {
    const { voice, door } = this;
    const plain = (s: string): string => s.toUpperCase().replace(/[^0-9A-Z]/g, "");
    return (door?.seen((booking) => plain(reference(booking)).startsWith(plain(text))) ?? []).slice(0, 50).map((o) => {
      const word: Key = !o.admitted ? "scanned_no" : o.scan.kind === "in" ? "scanned_in" : "scanned_out";
      const seat = door?.seat(o.seat);
      return {
        title: seat ? seatText(seat, voice) : reference(o.booking),
        reference: reference(o.booking),
        text: voice.say(word, { time: voice.time(o.scan.at) }),
      };
    });
  }

  // The end

  private ended(why: "revoked" | "not-now"): void {
    this.camera?.stop();
    const { voice } = this;
    const waiting = this.door?.queue.length ?? 0;
    const said = el("p", { className: "gate-said", role: "status" });
    let sure = waiting === 0;
    const again = el(
      "button",
      { type: "button", className: "gate-button gate-go", on: { click: () => location.reload() } },
      voice.say("retry"),
    );
    const press = (): void => {
      if (sure) return void this.unpair();
      sure = true;
      said.textContent = `${voice.count("unpair_waiting", waiting)} ${voice.say("unpair_sure")}`;
    };
    const unpair = el(
      "button",
      { type: "button", className: "gate-button", on: { click: press } },
      voice.say("unpair"),
    );
    this.root.replaceChildren(
      message(
        voice,
        why === "revoked" ? "revoked_title" : "not_now_title",
        why === "revoked" ? "revoked_text" : "not_now_text",
        [waiting > 0 ? el("p", {}, voice.count("waiting", waiting)) : null, again, said, unpair],
      ),
    );
    this.screen = null;
  }
}

/** A screen with one thing to say. */
export function message(voice: Voice, title: Key, text: Key, more: (Node | null)[] = []): HTMLElement {
  return el("div", { className: "gate-pair" }, el("h1", {}, voice.say(title)), el("p", {}, voice.say(text)), ...more);
}
