// The dialogs of the scanning screen: settings, numbers, and the search for a guest.
import { el } from "../map/dom";
import type { Choices } from "./store";
import type { Key, Voice } from "./words";

/** Opens a dialog that is gone once it is closed. */
export function dialog(voice: Voice, title: Key, ...content: (Node | null)[]): HTMLDialogElement {
  const close = el(
    "button",
    { type: "button" as const, className: "gate-button gate-close", on: { click: () => box.close() } },
    voice.say("close"),
  );
  const heading = el("h2", { id: "dialog-title" }, voice.say(title));
  const box = el(
    "dialog",
    { className: "gate-dialog", aria: { labelledby: "dialog-title" } },
    heading,
    el(
      "div", // it may scroll
      { className: "gate-dialog-in", tabIndex: 0, role: "group", aria: { labelledby: "dialog-title" } },
      ...content,
    ),
    close,
  );
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}

/** The entrances that the device may choose from, and the one where it is. */
export interface Entrances {
  list: { id: string; name: string }[];
  here: string;
}

/** What the settings say about device and event: a name and a text each. */
export type Facts = [Key, string][];

export interface SettingsActions {
  choose(c: Partial<Choices>): void;
  speak(lang: string): void;
  /** Unpairs the device; answers what keeps it from that, or null. */
  unpair(sure: boolean): string | null;
}

const languages: Record<string, string> = { en: "English", de: "Deutsch" };

export function settings(
  voice: Voice,
  choices: Choices,
  entrances: Entrances,
  facts: Facts,
  act: SettingsActions,
): void {
  const toggle = (word: "sound" | "buzz" | "sun" | "camera"): HTMLElement => {
    const input = el("input", { type: "checkbox", checked: choices[word] });
    input.setAttribute("role", "switch");
    input.addEventListener("change", () => act.choose({ [word]: input.checked }));
    return el("label", { className: "gate-toggle" }, el("span", {}, voice.say(word)), input);
  };
  const langs = Object.entries(languages).map(([lang, name]) => {
    const input = el("input", { type: "radio", name: "lang", value: lang, checked: lang === voice.lang });
    input.addEventListener("change", () => {
      box.close();
      act.speak(lang);
    });
    return el("label", { className: "gate-way", lang }, input, el("span", {}, name));
  });
  const ways = entrances.list.map(({ id, name }) => {
    const input = el("input", { type: "radio", name: "entrance", value: id, checked: id === entrances.here });
    input.addEventListener("change", () => act.choose({ entrance: id }));
    return el("label", { className: "gate-way" }, input, el("span", { dir: "auto" }, name));
  });
  let sure = false;
  const said = el("p", { className: "gate-said", role: "status" });
  const unpair = el("button", { type: "button", className: "gate-button gate-unpair" }, voice.say("unpair"));
  unpair.addEventListener("click", () => {
    const why = act.unpair(sure);
    sure = true;
    if (why === null) box.close();
    else said.textContent = why;
  });
  const box = dialog(
    voice,
    "settings",
    ways.length > 1
      ? el("fieldset", { className: "gate-ways gate-many" }, el("legend", {}, voice.say("entrance")), ...ways)
      : null,
    toggle("camera"),
    toggle("sound"),
    "vibrate" in navigator ? toggle("buzz") : null,
    toggle("sun"),
    el("fieldset", { className: "gate-ways gate-many" }, el("legend", {}, voice.say("language")), ...langs),
    el(
      "dl",
      { className: "gate-facts" },
      ...facts.flatMap(([k, v]) => [el("dt", {}, voice.say(k)), el("dd", { dir: "auto" }, v)]),
    ),
    said,
    unpair,
  );
}

/** A line of numbers. */
export interface Line {
  name: string;
  inside?: number;
  entered: number;
  tickets?: number;
}

/** Shows who came in, in tables, each with a title; null: none. Empty ones are left out. */
export function counts(voice: Voice, tables: [Key | null, Line[]][]): void {
  const cell = (n?: number): HTMLElement => el("td", {}, n === undefined ? "" : voice.number(n));
  const table = (title: Key | null, lines: Line[]): HTMLElement => {
    const sold = lines.some((l) => l.tickets !== undefined);
    const head = (word: Key): HTMLElement => el("th", { scope: "col" }, voice.say(word));
    return el(
      "table",
      { className: "gate-table" },
      title ? el("caption", {}, voice.say(title)) : null,
      el("thead", {}, el("tr", {}, el("td", {}), head("inside"), head("entered"), sold ? head("tickets") : null)),
      el(
        "tbody",
        {},
        ...lines.map((l) =>
          el(
            "tr",
            {},
            el("th", { scope: "row", dir: "auto" }, l.name),
            cell(l.inside),
            cell(l.entered),
            sold ? cell(l.tickets) : null,
          ),
        ),
      ),
    );
  };
  dialog(
    voice,
    "counts",
    ...tables.filter(([, lines]) => lines.length > 0).map(([title, lines]) => table(title, lines)),
  );
}

/** A list of guests that can be shown at once. */
export interface Chip {
  text: string;
  found(): Found[];
}

/** What was found: a seat, what is known about it, and what can be done. */
export interface Found {
  title: string;
  name?: string;
  list?: string; // of guests
  reference: string;
  text: string;
  act?: { word: Key; press(): void };
}

export function search(
  voice: Voice,
  label: Key,
  hint: Key | null,
  find: (text: string) => Promise<Found[] | Key>,
  lists: Chip[],
): void {
  const input = el("input", {
    id: "find",
    type: "search",
    maxLength: 200,
    autocomplete: "off",
    enterKeyHint: "search",
  });
  input.setAttribute("autocapitalize", "none");
  const list = el("ul", { className: "gate-found" });
  const said = el("p", { className: "gate-said", role: "status" });
  const row = (f: Found): HTMLElement => {
    const about = el(
      "div",
      {},
      el("b", { dir: "auto" }, f.title),
      f.name ? el("span", { dir: "auto" }, f.name) : null,
      f.list ? el("mark", { dir: "auto" }, f.list) : null,
      el("span", {}, f.reference),
      el("small", {}, f.text),
    );
    if (!f.act) return el("li", {}, about);
    const { word, press } = f.act;
    const go = el("button", { type: "button", className: "gate-button" }, voice.say(word));
    go.addEventListener("click", () => {
      box.close();
      press();
    });
    return el("li", {}, about, go);
  };
  let asked = 0;
  const form = el(
    "form",
    { className: "gate-find" },
    el("label", { htmlFor: "find" }, voice.say(label)),
    hint ? el("p", {}, voice.say(hint)) : null,
    el("div", {}, input, el("button", { className: "gate-button", type: "submit" }, voice.say("find_go"))),
  );
  form.addEventListener("submit", (e) => {
    e.preventDefault();
    const text = input.value.trim();
    if (text.length < 2) return;
    const mine = ++asked;
    void find(text).then((found) => {
      if (mine === asked) show(found);
    });
  });
  const show = (found: Found[] | Key): void => {
    list.replaceChildren(...(typeof found === "string" ? [] : found.map(row)));
    said.textContent = typeof found === "string" ? voice.say(found) : found.length === 0 ? voice.say("find_none") : "";
  };
  const chips = lists.map((chip) => {
    const button = el("button", { type: "button", className: "gate-button", dir: "auto" }, chip.text);
    button.addEventListener("click", () => {
      asked++;
      show(chip.found());
    });
    return button;
  });
  const offer =
    chips.length > 0
      ? el("div", { className: "gate-lists", role: "group", aria: { label: voice.say("lists") } }, ...chips)
      : null;
  const box = dialog(voice, "search", form, offer, said, list);
  input.focus();
}
