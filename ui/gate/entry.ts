// A scan, as it is sent, stored, and merged with those of other devices.

export type Kind = "in" | "out" | "undo";
export type How = "camera" | "wedge" | "search";

/** Why somebody is let in, or not: the words of the API. */
export type Reason =
  | "ok"
  | "already-inside"
  | "no-reentry"
  | "not-sold"
  | "replaced"
  | "other-event"
  | "unknown-key"
  | "forged"
  | "malformed"
  | "wrong-entrance"
  | "too-early"
  | "too-late"
  | "device-revoked"
  | "not-allowed"
  | "not-inside"
  | "nothing-to-undo"
  | "alone"
  | "stale-code"
  | "not-bound";

/** Names a scan of an event. */
export interface Ref {
  device: string;
  counter: number;
}

/** One scan as the API takes it. Without decided it asks the node to decide. */
export interface Scan {
  counter: number;
  at: number; // ms since 1970: the hybrid logical clock
  n: number; // and its logical part
  kind: Kind;
  token?: string;
  booking_id?: string; // with ordinal, instead of a token
  ordinal?: number;
  of?: Ref; // of an undo
  entrance: string;
  how: How;
  decided?: "admitted" | "refused"; // by this device alone
  reason?: Reason;
  offset_known: boolean;
}

/** Where a seat is, for people. */
export interface Spot {
  label?: string;
  section_id?: string;
  section: string;
  row: string;
  number: string;
}

/** An earlier scan with which somebody came in. */
export interface Earlier extends Partial<Ref> {
  at: number; // ms
  entrance: string;
  alone?: boolean;
}

/** What the node says about a scan. */
export interface Answer {
  counter: number;
  at: number; // the stamp that counts
  n: number;
  outcome: "admitted" | "refused" | "recorded";
  reason: Reason;
  ordinal?: number;
  seat?: Spot;
  first?: Earlier;
  name?: string;
  list?: string; // of guests
  alone?: boolean; // a gate node has decided it without the box office
}

/** What the fold needs of a scan, own or another device's. */
export interface Mark extends Ref {
  at: number;
  n: number;
  kind: Kind;
  /** Whose seat, see owner; "" of an undo. */
  key: string;
  of?: Ref;
  admitted: boolean;
  entrance: string;
}

/** An own scan, as this device keeps it. */
export interface Own {
  counter: number;
  scan: Scan;
  key: string;
  seat: number; // ordinal; -1: not known
  booking: string; // id; "": not known
  admitted: boolean; // what was shown
  reason: Reason;
  sent: boolean;
}

/** The key of a seat's state: the same for all issues of a ticket, and another one when the seat is sold again. */
export function owner(seat: number, digestOfFirstIssue: number): string {
  return `${seat}:${digestOfFirstIssue.toString(16)}`;
}

export function markOf(own: Own, device: string): Mark {
  const { scan } = own;
  return {
    device,
    counter: scan.counter,
    at: scan.at,
    n: scan.n,
    kind: scan.kind,
    key: scan.kind === "undo" ? "" : own.key,
    of: scan.of,
    admitted: own.admitted,
    entrance: scan.entrance,
  };
}
