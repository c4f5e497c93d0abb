// The code of a ticket: read, verified, and made into its digest. The layout is that of
// internal/ticket; both are tested with the same examples.
import { hashes, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { decode32, fromBase64url, hex, readable, unpackID, view } from "./bytes";

hashes.sha512 = sha512; // for signatures that are verified at once

/** What a code says. */
export interface Ticket {
  text: string; // as it was signed: upper case
  kind: "fixed" | "phone" | "wallet"; // how the ticket is shown; all but fixed ones change with time
  key: string; // id of the key that signed it, in hex
  booking: Uint8Array; // packed: 22 bytes, of which the first 10 are the event's
  seat: number; // ordinal in the plan
  plan: number; // version of the plan; 0: not in the ticket
  issue: number;
  at: number; // s since 1970: when phone or wallet made the code; 0: of a fixed one
  timed: boolean; // the phone knows its offset to the server's time
  signed: Uint8Array;
  signature: Uint8Array;
  phone?: { key: Uint8Array; signed: Uint8Array; signature: Uint8Array }; // of a phone's code
}

/** A public key, as the list of keys has it (RFC 8037). */
export interface JWK {
  kty: string;
  crv: string;
  kid: string;
  x: string;
}

/** The server's time, signed for one reader. */
export interface Time {
  now: number; // µs since 1970
  kid: string;
  signature: string; // base64url
}

const BODY = [0, 31, 37, 69, 37]; // bytes that are signed, by version
const SIGNATURE = 64;
const PART = BODY[3] + SIGNATURE; // what the office gives a phone
const FLAGS = 1 + 5; // flags and time
const TOKEN = 162; // characters of versions 2 and 4
const DIGITS = 10 + 8; // of a wallet: time and password
const PHONE = 325; // characters of a phone's code
const PERIOD = 3; // s of a wallet's password

/** How long a phone shows a code, and how old and how far ahead one may be, ms. See docs/decisions/0050. */
export const RENEW = 4000;
const OLD = 10_000;
const AHEAD = 5000;

/** Reads the code of a ticket; null if it is none. */
export function parse(code: string): Ticket | null {
  const text = code.trim().toUpperCase();
  const digits = text.length === TOKEN + DIGITS ? text.slice(TOKEN) : "";
  const bytes = text.length <= PHONE ? decode32(digits ? text.slice(0, TOKEN) : text) : null;
  if (!bytes?.length || !/^[0-9]*$/.test(digits)) return null;
  const version = bytes[0];
  const body = BODY[version];
  const length = version === 3 ? PART + FLAGS + SIGNATURE : body + SIGNATURE;
  if (!body || bytes.length !== length || text.length !== Math.ceil((length * 8) / 5) + digits.length) return null;
  if ((version === 4) !== (digits !== "")) return null;
  const at = view(bytes);
  const seat = at.getUint32(27);
  if (seat > 0x7fffffff) return null;
  const ticket: Ticket = {
    text,
    kind: "fixed",
    key: hex(bytes.subarray(1, 5)),
    booking: bytes.subarray(5, 27),
    seat,
    plan: version >= 2 ? at.getUint32(31) : 0,
    issue: version >= 2 ? at.getUint16(35) : 0,
    at: 0,
    timed: false,
    signed: bytes.subarray(0, body),
    signature: bytes.subarray(body, body + SIGNATURE),
  };
  if (version === 3) {
    if (bytes[PART] > 1) return null;
    ticket.kind = "phone";
    ticket.timed = bytes[PART] === 1;
    ticket.at = bytes[PART + 1] * 2 ** 32 + at.getUint32(PART + 2);
    ticket.phone = {
      key: bytes.subarray(37, 69),
      signed: phoneMessage(bytes.subarray(0, PART + FLAGS)),
      signature: bytes.subarray(PART + FLAGS),
    };
  }
  if (version === 4) {
    ticket.kind = "wallet";
    ticket.timed = true;
    ticket.at = Math.floor(Number(digits.slice(0, 10)) / PERIOD) * PERIOD;
  }
  return ticket;
}

/** What a phone signs: what the office has signed, with flags and time. */
export function phoneMessage(bytes: Uint8Array): Uint8Array {
  const domain = new TextEncoder().encode("boxoffice code\n");
  const out = new Uint8Array(domain.length + bytes.length);
  out.set(domain);
  out.set(bytes, domain.length);
  return out;
}

/** What stays the same of a code that changes with time. */
export function stem(code: string): string {
  const text = code.trim();
  if (text.length === PHONE) return text.slice(0, Math.floor((PART * 8) / 5)); // the character after it is shared
  return text.length === TOKEN + DIGITS ? text.slice(0, TOKEN) : text;
}

/** Whether a code that changes with time is one of now (ms, the server's), and true for a fixed one. */
export function fresh(ticket: Pick<Ticket, "kind" | "at">, now: number): boolean {
  const age = now - ticket.at * 1000;
  return ticket.kind === "fixed" || (age >= -AHEAD && age <= OLD);
}

export function eventOf(ticket: Ticket): string {
  return unpackID(ticket.booking.subarray(0, 10));
}

export function bookingOf(ticket: Ticket): string {
  return unpackID(ticket.booking);
}

/** The short name of a booking for people, as on the ticket. */
export function reference(booking: string): string {
  return readable(sha256(new TextEncoder().encode(booking)));
}

/** The keys that tickets are signed with. */
export class Keys {
  private byID = new Map<string, PublicKey>();

  constructor(list: JWK[]) {
    for (const jwk of list) {
      if (jwk.kty !== "OKP" || jwk.crv !== "Ed25519") continue;
      const x = fromBase64url(jwk.x);
      if (x.length === 32) this.byID.set(jwk.kid, { x, native: imported(x) });
    }
  }

  async check(ticket: Ticket): Promise<"ok" | "unknown-key" | "forged"> {
    const key = this.byID.get(ticket.key);
    if (!key) return "unknown-key";
    if (!(await signedBy(key, ticket.signature, ticket.signed))) return "forged";
    const { phone } = ticket;
    if (!phone) return "ok";
    const phones = { x: phone.key, native: imported(phone.key) };
    return (await signedBy(phones, phone.signature, phone.signed)) ? "ok" : "forged";
  }

  /** Whether the office has signed a time for a reader. */
  async checkTime(reader: string, time: Time): Promise<boolean> {
    const key = this.byID.get(time.kid);
    if (!key) return false;
    const text = new TextEncoder().encode(`boxoffice time\n${reader}\n${time.now}`);
    try {
      return await signedBy(key, fromBase64url(time.signature), text);
    } catch {
      return false; // it is not a signature at all
    }
  }
}

interface PublicKey {
  x: Uint8Array;
  native: Promise<CryptoKey | null>;
}

async function signedBy(key: PublicKey, signature: Uint8Array, text: Uint8Array): Promise<boolean> {
  if (signature.length !== SIGNATURE) return false;
  const native = await key.native;
  if (native) return crypto.subtle.verify("Ed25519", native, solid(signature), solid(text));
  try {
    return verify(signature, text, key.x, { zip215: false });
  } catch {
    return false; // the key of a phone may be no key
  }
}

/** The browser's own Ed25519 where it has one, which takes a tenth of the time; else null. */
async function imported(x: Uint8Array): Promise<CryptoKey | null> {
  try {
    return await crypto.subtle.importKey("raw", solid(x), "Ed25519", false, ["verify"]);
  } catch {
    return null; // an older browser, or a page without TLS
  }
}

const solid = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

export type Read =
  | { ticket: Ticket; fault: null }
  | { ticket: Ticket; fault: "unknown-key" | "forged" }
  | { ticket: null; fault: "malformed" };

/**
 * Reads and verifies a code. A scanner that types as a keyboard may be set to another
 * country's keys than this device: Y and Z change places on a German one, which is tried
 * once if the signature does not fit.
 */
export async function read(code: string, keys: Keys): Promise<Read> {
  const ticket = parse(code);
  const said = ticket ? await keys.check(ticket) : "malformed";
  if (ticket && said === "ok") return { ticket, fault: null };
  const other = parse(code.toUpperCase().replace(/[YZ]/g, (c) => (c === "Y" ? "Z" : "Y")));
  if (other && (await keys.check(other)) === "ok") return { ticket: other, fault: null };
  return ticket && said !== "ok" && said !== "malformed"
    ? { ticket, fault: said }
    : { ticket: null, fault: "malformed" };
}

/** The four bytes that a list holds for a seat, as a number; never 0. */
export function digest(booking: Uint8Array, seat: number, plan: number, issue: number): number {
  const bytes = new Uint8Array(32);
  const at = view(bytes);
  bytes.set(booking);
  at.setUint32(22, seat);
  at.setUint32(26, plan);
  at.setUint16(30, issue);
  return view(sha256(bytes)).getUint32(0) || 1;
}
