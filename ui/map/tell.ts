// Seats in words.
import type { Hall } from "./hall";
import { ACCESSIBLE, RESTRICTED } from "./plan";
import type { Voice } from "./words";

/** "Section 101, row A, seat 12" */
export function seatName(hall: Hall, voice: Voice, seat: number): string {
  const m = hall.model;
  return voice.say("seat", {
    section: m.sections[m.section[seat]].name,
    row: rowLabel(hall, seat),
    seat: m.number[seat],
  });
}

/** Several seats in one phrase: together by their row, else one by one. */
export function seatsName(hall: Hall, voice: Voice, seats: number[]): string {
  const m = hall.model;
  const [first, last] = [seats[0], seats[seats.length - 1]];
  const together = seats.every((s, i) => s === first + i && m.row[s] === m.row[first]);
  if (!together) return seats.map((s) => seatName(hall, voice, s)).join("; ");
  if (seats.length === 1) return seatName(hall, voice, first);
  const [a, b] = [m.number[first], m.number[last]];
  return voice.say("seats", {
    section: m.sections[m.section[first]].name,
    row: rowLabel(hall, first),
    seats: seats.length === 2 ? voice.say("two", { a, b }) : `${a}–${b}`,
  });
}

export function rowLabel(hall: Hall, seat: number): string {
  const r = hall.model.row[seat];
  return r < 0 ? "" : hall.model.rows[r].label;
}

export function marksOf(hall: Hall, voice: Voice, seat: number): string[] {
  const marks = hall.model.marks[seat];
  const out: string[] = [];
  if (marks & ACCESSIBLE) out.push(voice.say("accessible"));
  if (marks & RESTRICTED) out.push(voice.say("restricted"));
  return out;
}

/** free, taken, chosen, or held by the reader. */
export function stateOf(hall: Hall, voice: Voice, seat: number): string {
  if (hall.chosen.has(seat)) return voice.say("state_chosen");
  if (hall.mine.has(seat)) return voice.say("state_mine");
  return voice.say(hall.isFree(seat) ? "state_free" : "state_taken");
}

/** All that there is to say about a seat, for those who listen. */
export function spoken(hall: Hall, voice: Voice, seat: number): string {
  const tier = hall.model.tiers[hall.model.tier[seat]];
  return [
    seatName(hall, voice, seat),
    tier ? `${tier.name} ${tier.label}` : "",
    stateOf(hall, voice, seat),
    ...marksOf(hall, voice, seat),
  ]
    .filter(Boolean)
    .join(", ");
}
