// The words of the map. The page gives them in the reader's language; {name}
// stands for a value. A word that is missing shows as its key in brackets.

/** Every key, with its English text for whoever translates. */
export interface Words {
  map_label: string; // Seat map
  map_help: string; // Arrow keys move from seat to seat, Page Up and Page Down from section to …
  stage: string; // Stage
  seat: string; // {section}, row {row}, seat {seat}
  seats: string; // {section}, row {row}, seats {seats}
  seat_short: string; // Row {row}, seat {seat}
  two: string; // {a} and {b}
  free_one: string; // {n} free
  free_other: string; // {n} free
  sold_out: string; // Sold out
  from: string; // from {price}
  state_free: string; // free
  state_taken: string; // taken
  state_chosen: string; // chosen
  state_mine: string; // held by you
  accessible: string; // Wheelchair space
  restricted: string; // Restricted view
  prices: string; // Prices
  together: string; // Seats together
  find: string; // Find best
  fewer: string; // Fewer
  more: string; // More
  zoom_in: string; // Zoom in
  zoom_out: string; // Zoom out
  zoom_fit: string; // Whole plan
  legend_taken: string; // Taken
  legend_chosen: string; // Your choice
  legend_mine: string; // Held by you
  hint: string; // Choose up to {n} seats on the map, or let us find the best ones next to each other.
  chosen_one: string; // {n} seat
  chosen_other: string; // {n} seats
  places_one: string; // {n} place
  places_other: string; // {n} places
  all_in: string; // fees and tax included
  hold_one: string; // Hold {n} seat
  hold_other: string; // Hold {n} seats
  hold_places_one: string; // Hold {n} place
  hold_places_other: string; // Hold {n} places
  close: string; // Close
  remove: string; // Remove {seat}
  limit: string; // You can have at most {n} seats here. Remove one to choose another.
  not_free: string; // {seat} is taken.
  not_sold: string; // {seat} is not for sale.
  why_together: string; // {where}: the row nearest the stage with {n} seats together at this price.
  why_together_any: string; // {where}: the best row with {n} seats together.
  why_one: string; // {where}: the free seat nearest the stage at this price.
  why_one_any: string; // {where}: the best free seat.
  why_apart: string; // No row has {n} seats together any more. These are the closest: {where}.
  none_left: string; // Fewer than {n} seats are free at this price.
  lost_one: string; // Somebody was faster: {seats} has just been taken.
  lost_other: string; // Somebody was faster: {seats} have just been taken.
  near: string; // Free nearby: {where}.
  near_apart: string; // Free nearby, but not next to each other: {where}.
  use_near: string; // Take these
  lost_none_near: string; // No seats nearby are free at the same price.
  orphan_one: string; // This leaves seat {seat} in row {row} on its own. If you move by one seat, two …
  orphan_other: string; // This leaves {n} single seats. Moving by one seat may avoid that.
  changed: string; // This event has changed.
  reload: string; // Reload
  offline: string; // The live connection is interrupted. What you see may be slightly out of date.
  online: string; // The live connection is back.
  failed: string; // The map could not be loaded. The list below shows the same seats.
}

export type Key = keyof Words;
export type Values = Record<string, string | number>;

/** The reader's way of writing things. */
export class Voice {
  private plurals?: Intl.PluralRules;
  private numbers?: Intl.NumberFormat;
  private money?: Intl.NumberFormat;

  constructor(
    private words: Partial<Words>,
    private lang: string,
    private currency: string,
  ) {}

  /** Builds what the browser takes long to build, one piece a step. */
  *prepare(): Generator<unknown> {
    yield this.pluralRules;
    yield this.numberFormat;
    yield this.moneyFormat;
  }

  private get pluralRules(): Intl.PluralRules {
    this.plurals ??= new Intl.PluralRules(this.lang);
    return this.plurals;
  }

  private get numberFormat(): Intl.NumberFormat {
    this.numbers ??= new Intl.NumberFormat(this.lang);
    return this.numbers;
  }

  private get moneyFormat(): Intl.NumberFormat {
    this.money ??= new Intl.NumberFormat(this.lang, { style: "currency", currency: this.currency });
    return this.money;
  }

  say(key: Key, values: Values = {}): string {
    const text = this.words[key];
    if (!text) return `[${key}]`;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      return typeof value === "number" ? this.numberFormat.format(value) : value;
    });
  }

  /** The form of a word for n things: key_one, key_other. */
  count(key: PluralKey, n: number, values: Values = {}): string {
    return this.say(`${key}_${this.pluralRules.select(n) === "one" ? "one" : "other"}` as Key, { n, ...values });
  }

  /** An amount in minor units, as money. */
  price(amount: number): string {
    const money = this.moneyFormat;
    return money.format(amount / 10 ** (money.resolvedOptions().maximumFractionDigits ?? 2));
  }
}

type PluralKey = Key extends infer K ? (K extends `${infer P}_other` ? P : never) : never;
