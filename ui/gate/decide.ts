// Whether a device lets somebody in by itself: pure, and the same as the server's decision
// as far as a device can know.
import type { Earlier, Mark, Reason } from "./entry";
import { owner } from "./entry";
import type { State } from "./fold";
import type { List } from "./list";
import type { Read, Ticket } from "./token";
import { digest, eventOf, fresh } from "./token";

/** Who may come back in, and when doors are open. */
export interface Rules {
  reentry: "never" | "after-exit" | "always";
  opens_at?: string;
  closes_at?: string;
}

/** An entrance, with rules of its own where they are not the event's. */
export interface Entrance extends Partial<Rules> {
  id: string;
  name: string;
  sections?: string[] | null; // empty: all
}

export interface Settings extends Rules {
  alone: "admit" | "refuse";
  codes?: "fixed" | "rotating";
  paper?: boolean; // with rotating codes: whether those that never change are good
}

export interface Question {
  read: Read;
  kind: "in" | "out";
  event: string;
  list: List | null;
  state: (key: string) => State;
  section: (seat: number) => string; // id of a seat's section; "" when the plan is not here
  entrance: Entrance;
  settings: Settings;
  now: number; // ms, the server's
  timed: boolean; // this device knows its offset to the server's time
}

export interface Verdict {
  admitted: boolean;
  reason: Reason;
  seat: number; // -1: none
  key: string; // see owner; "": none
  first?: Earlier; // of somebody who is inside: since when
}

/** The key of a ticket's state. */
export function keyOf(ticket: { booking: Uint8Array; seat: number; plan?: number }, list: List | null): string {
  return owner(ticket.seat, digest(ticket.booking, ticket.seat, list?.plan ?? ticket.plan ?? 0, 0));
}

/** How far around a ticket's issue that of the list is looked for. */
const NEAR = 100;

/**
 * What the list says of a ticket. An issue that is later than the list's was made after
 * the list, whose seat is the same guest's.
 */
export function listed(ticket: Pick<Ticket, "booking" | "seat" | "plan" | "issue">, list: List): Reason {
  const { booking, seat, issue } = ticket;
  const expected = seat < list.digests.length ? list.digests[seat] : 0;
  const plan = ticket.plan || list.plan;
  if (expected === 0) return "not-sold";
  const has = (other: number): boolean => other >= 0 && digest(booking, seat, plan, other) === expected;
  if (has(issue)) return "ok";
  for (let by = 1; by <= NEAR; by++) {
    if (has(issue + by)) return "replaced";
    if (has(issue - by)) return "ok";
  }
  return "not-sold";
}

/** Decides about a code. */
export function decide(q: Question): Verdict {
  const { ticket, fault } = q.read;
  if (!ticket) return { admitted: false, reason: fault, seat: -1, key: "" };
  const key = keyOf(ticket, q.list);
  const refused = (reason: Reason, seat = ticket.seat): Verdict => ({ admitted: false, reason, seat, key });
  if (fault) return refused(fault, -1);
  if (eventOf(ticket) !== q.event) return refused("other-event", -1);
  const may = q.list && q.kind === "in" ? listed(ticket, q.list) : "ok"; // who is inside may leave with any ticket
  if (may !== "ok") return refused(may);
  if (q.kind === "in") {
    if (ticket.kind === "fixed" && q.settings.codes === "rotating" && q.settings.paper === false)
      return refused("not-bound");
    if (ticket.timed && q.timed && !fresh(ticket, q.now)) return refused("stale-code");
  }
  return passing(q, ticket.seat, key);
}

/** Whether the time of a code that changes was checked by nobody: such scans are marked. */
export function untimed(ticket: Ticket, alone: boolean, timed: boolean): boolean {
  if (ticket.kind === "fixed") return false;
  return !ticket.timed || (alone && (!timed || ticket.kind === "wallet")); // only nodes can prove a wallet's
}

function earlier(m: Mark | null): Earlier | undefined {
  return m ? { at: m.at, entrance: m.entrance } : undefined;
}

/** The rules that hold at an entrance: its own, else the event's. */
export function rulesAt(entrance: Entrance, settings: Rules): Rules {
  return {
    reentry: entrance.reentry ?? settings.reentry,
    opens_at: entrance.opens_at ?? settings.opens_at,
    closes_at: entrance.closes_at ?? settings.closes_at,
  };
}

/** Decides about a seat whose ticket is good: the rules of the entrance, and who is inside. */
export function passing(q: Omit<Question, "read">, seat: number, key: string): Verdict {
  const refused = (reason: Reason): Verdict => ({ admitted: false, reason, seat, key });
  const state = q.state(key);
  if (q.kind === "out") return state.inside ? { admitted: true, reason: "ok", seat, key } : refused("not-inside");
  const { settings, entrance } = q;
  const section = q.section(seat);
  if (entrance.sections?.length && section && !entrance.sections.includes(section)) return refused("wrong-entrance");
  const rules = rulesAt(entrance, settings);
  if (rules.opens_at && q.now < Date.parse(rules.opens_at)) return refused("too-early");
  if (rules.closes_at && q.now >= Date.parse(rules.closes_at)) return refused("too-late");
  if (rules.reentry !== "always" && state.inside) return { ...refused("already-inside"), first: earlier(state.since) };
  if (rules.reentry === "never" && state.entered) return { ...refused("no-reentry"), first: earlier(state.first) };
  if (settings.alone === "refuse") return refused("alone");
  return { admitted: true, reason: "ok", seat, key };
}
