// The seating plan, as much of it as tells where a seat is.
import type { WirePlan } from "../map/plan";
import type { Spot } from "./entry";

export interface Plan {
  sections: { id: string; name: string; first: number; count: number; standing: boolean; rows: Row[] }[];
  numbers: string[]; // by ordinal
  version?: number; // of the list that it was read for
}

interface Row {
  label: string;
  first: number;
  count: number;
}

export function shortened(plan: WirePlan): Plan {
  return {
    sections: plan.sections.map((s) => ({
      id: s.id,
      name: s.name,
      first: s.first,
      count: s.count,
      standing: s.general_admission ?? false,
      rows: (s.rows ?? []).map(({ label, first, count }) => ({ label, first, count })),
    })),
    numbers: plan.seats.map((s) => s.number),
  };
}

const covers = (run: { first: number; count: number }, seat: number): boolean =>
  seat >= run.first && seat < run.first + run.count;

/** Where a seat is; null if the plan has no such seat. */
export function spot(plan: Plan | null, seat: number): Spot | null {
  const section = plan?.sections.find((s) => covers(s, seat));
  if (!plan || !section) return null;
  if (section.standing) return { section: section.name, section_id: section.id, row: "", number: "" };
  const row = section.rows.find((r) => covers(r, seat));
  return { section: section.name, section_id: section.id, row: row?.label ?? "", number: plan.numbers[seat] ?? "" };
}
