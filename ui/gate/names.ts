// The guests of the event, on a device that may see names. They are kept for the search
// without a network, and deleted as soon as the device may not see them any more.
import { reference } from "./token";

/** A booking with tickets. */
export interface Named {
  booking_id: string;
  name: string;
  list?: string; // of guests: "Press"
  ordinals: number[];
}

/** Some of the guests, as GET /door/names/{page} has them. */
export interface NamePage {
  page: number;
  digest: string;
  items: Named[];
}

// Letters that Unicode does not take apart, and what people type instead: as safetext.Fold.
const PLAIN: Record<string, string> = {
  ø: "o",
  ł: "l",
  đ: "d",
  ð: "d",
  ħ: "h",
  ŧ: "t",
  ŋ: "n",
  ı: "i",
  ƶ: "z",
  ɨ: "i",
  ƀ: "b",
  ŀ: "l",
  æ: "ae",
  œ: "oe",
  þ: "th",
  ß: "ss",
  ĳ: "ij",
  ς: "σ",
};
for (const c of "\u2018\u2019\u201a\u201b\u02bc\u02bb\u02b9\u2032`\u00b4") PLAIN[c] = "'";
for (const c of "\u201c\u201d\u201e\u00ab\u00bb") PLAIN[c] = '"';
for (const c of "\u2010\u2011\u2012\u2013\u2014\u2212") PLAIN[c] = "-";

const plain = (text: string): string => Array.from(text, (c) => PLAIN[c] ?? c).join("");

/** A text as searches compare it: without case and accents, the same as the server's. */
export function fold(text: string): string {
  const letters = plain(text)
    .normalize("NFKD")
    .replace(/[\p{Mn}\p{Cf}]/gu, "")
    .normalize("NFC");
  return plain(letters.toLowerCase()).split(/\s+/u).filter(Boolean).join(" ");
}

/** The guests that this device knows. */
export class Names {
  private pages = new Map<number, NamePage>();
  private by = new Map<string, Named>();
  private words = new Map<Named, string>(); // made when they are first searched

  constructor(pages: NamePage[] = []) {
    for (const p of pages) this.put(p);
  }

  /** How many bookings. */
  get size(): number {
    return this.by.size;
  }

  digest(page: number): string {
    return this.pages.get(page)?.digest ?? "";
  }

  put(page: NamePage): void {
    this.drop(page.page);
    this.pages.set(page.page, page);
    for (const one of page.items) this.by.set(one.booking_id, one);
  }

  /** Forgets the pages from a number on, and returns which those were. */
  cut(from: number): number[] {
    const gone = [...this.pages.keys()].filter((n) => n >= from);
    for (const n of gone) this.drop(n);
    return gone;
  }

  private drop(page: number): void {
    for (const one of this.pages.get(page)?.items ?? []) {
      if (this.by.get(one.booking_id) === one) this.by.delete(one.booking_id);
      this.words.delete(one);
    }
    this.pages.delete(page);
  }

  of(booking: string): Named | undefined {
    return this.by.get(booking);
  }

  /** Bookings by words of a name, or by their number. */
  find(query: string, most: number): Named[] {
    const words = fold(query).split(" ").filter(Boolean);
    if (words.join("").length < 2) return [];
    const found: Named[] = [];
    for (const one of this.by.values()) {
      if (found.length === most) break;
      const text = this.searched(one);
      if (words.every((w) => text.includes(w))) found.push(one);
    }
    return found;
  }

  private searched(one: Named): string {
    let text = this.words.get(one);
    if (text === undefined) {
      const number = reference(one.booking_id);
      text = fold(`${one.name} ${number} ${number.replace("-", "")} ${one.booking_id}`);
      this.words.set(one, text);
    }
    return text;
  }

  /** The bookings of each list, by the list's name. */
  lists(): Map<string, Named[]> {
    const out = new Map<string, Named[]>();
    for (const one of this.by.values()) {
      if (!one.list) continue;
      const list = out.get(one.list) ?? [];
      list.push(one);
      out.set(one.list, list);
    }
    const order = [...out.keys()].sort((a, b) => a.localeCompare(b));
    for (const list of out.values()) list.sort((a, b) => fold(a.name).localeCompare(fold(b.name)));
    return new Map(order.map((name) => [name, out.get(name) ?? []]));
  }
}
