// The code of a ticket: read, verified, and made into its digest. The layout is that of
// internal/ticket; both are tested with the same examples.
import { hashes, verify } from "@noble/ed25519";
import { sha256, sha512 } from "@noble/hashes/sha2.js";
import { decode32, fromBase64url, hex, readable, unpackID, view } from "./bytes";

hashes.sha512 = sha512; // for signatures that are verified at once

/** What a ticket says. */
export interface Ticket {
  text: string; // as it was signed: upper case
  key: string; // id of the key that signed it, in hex
  booking: Uint8Array; // packed: 22 bytes, of which the first 10 are the event's
  seat: number; // ordinal in the plan
  plan: number; // version of the plan; 0: not in the ticket
  issue: number;
  signed: Uint8Array;
  signature: Uint8Array;
}

/** A public key, as the list of keys has it (RFC 8037). */
export interface JWK {
  kty: string;
  crv: string;
  kid: string;
  x: string;
}

const BODY = [0, 31, 37]; // bytes that are signed, by version
const SIGNATURE = 64;

/** Reads the code of a ticket; null if it is none. */
export function parse(code: string): Ticket | null {
  const text = code.trim().toUpperCase();
  const bytes = text.length <= 200 ? decode32(text) : null;
  const body = bytes?.length ? BODY[bytes[0]] : undefined;
  if (!bytes || !body || bytes.length !== body + SIGNATURE || text.length !== Math.ceil((bytes.length * 8) / 5))
    return null;
  const at = view(bytes);
  const seat = at.getUint32(27);
  if (seat > 0x7fffffff) return null;
  return {
    text,
    key: hex(bytes.subarray(1, 5)),
    booking: bytes.subarray(5, 27),
    seat,
    plan: bytes[0] === 2 ? at.getUint32(31) : 0,
    issue: bytes[0] === 2 ? at.getUint16(35) : 0,
    signed: bytes.subarray(0, body),
    signature: bytes.subarray(body),
  };
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
  private byID = new Map<string, { x: Uint8Array; native: Promise<CryptoKey | null> }>();

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
    const native = await key.native;
    const good = native
      ? await crypto.subtle.verify("Ed25519", native, solid(ticket.signature), solid(ticket.signed))
      : verify(ticket.signature, ticket.signed, key.x, { zip215: false });
    return good ? "ok" : "forged";
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
  if (!ticket) return { ticket: null, fault: "malformed" };
  const said = await keys.check(ticket);
  if (said === "ok") return { ticket, fault: null };
  const other = parse(ticket.text.replace(/[YZ]/g, (c) => (c === "Y" ? "Z" : "Y")));
  if (other && (await keys.check(other)) === "ok") return { ticket: other, fault: null };
  return { ticket, fault: said };
}

/** The four bytes that a list holds for a seat, as a number; never 0. */
export function digest(booking: Uint8Array, seat: number, plan: number, issue: number, bound?: Uint8Array): number {
  const bytes = new Uint8Array(32 + (bound?.length ?? 0));
  const at = view(bytes);
  bytes.set(booking);
  at.setUint32(22, seat);
  at.setUint32(26, plan);
  at.setUint16(30, issue);
  if (bound) bytes.set(bound, 32);
  return view(sha256(bytes)).getUint32(0) || 1;
}
