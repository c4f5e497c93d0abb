// Which price a seat has.

/** A price of the event, as the page gives it. */
export interface Tier {
  id: string;
  name: string;
  price: number; // all-in, minor units
  label: string; // the price as the page writes it
  sections?: string[] | null;
  categories?: string[] | null;
}

/** Marks a seat without a price. */
export const NONE = 255;

/** What assign needs of a plan. */
export interface Priced {
  categories: { name: string }[];
  sections: { id: string; first: number; count: number }[];
  seats: { category: number }[];
}

/**
 * The tier of every seat, by ordinal; NONE where no tier names it. A section
 * wins over a category, the later tier over the earlier: as the server does it.
 */
export function assign(plan: Priced, tiers: Pick<Tier, "sections" | "categories">[]): Uint8Array {
  const bySection = new Map<string, number>();
  const byCategory = new Map<string, number>();
  tiers.forEach((t, i) => {
    for (const s of t.sections ?? []) bySection.set(s, i);
    for (const c of t.categories ?? []) byCategory.set(c, i);
  });
  const ofCategory = plan.categories.map((c) => byCategory.get(c.name) ?? NONE);
  const out = new Uint8Array(plan.seats.length).fill(NONE);
  for (const s of plan.sections) {
    const whole = bySection.get(s.id);
    for (let i = s.first; i < s.first + s.count; i++) out[i] = whole ?? ofCategory[plan.seats[i].category] ?? NONE;
  }
  return out;
}
