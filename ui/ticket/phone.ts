// The key of a phone, and the codes that it makes with it. The layout is that of internal/ticket;
// both are tested with the same examples.
import { getPublicKey, hashes, sign } from "@noble/ed25519";
import { sha512 } from "@noble/hashes/sha2.js";
import { decode32, encode32, toBase64url, view } from "../gate/bytes";
import { phoneMessage } from "../gate/token";
import type { Record } from "./store";

hashes.sha512 = sha512; // for signatures that are made at once

const PART = 133; // bytes of what the office has signed

/** The code of a ticket at a time (ms, the server's), from what the office has signed. */
export async function code(
  part: string,
  signing: (message: Uint8Array) => Promise<Uint8Array>,
  now: number,
  timed: boolean,
): Promise<string> {
  const office = decode32(part);
  if (office?.length !== PART) throw new Error("this is not a ticket");
  const bytes = new Uint8Array(PART + 6 + 64);
  const seconds = Math.floor(now / 1000);
  bytes.set(office);
  bytes[PART] = timed ? 1 : 0;
  bytes[PART + 1] = Math.floor(seconds / 2 ** 32);
  view(bytes).setUint32(PART + 2, seconds >>> 0);
  bytes.set(await signing(phoneMessage(bytes.subarray(0, PART + 6))), PART + 6);
  return encode32(bytes);
}

/**
 * Makes a key for a booking: one that cannot be read out of the browser, where there are such. claim stores it, and
 * returns what counts: another page of this browser may have been faster, and its key has the tickets.
 */
export async function newPhone(booking: string, claim: (record: Record) => Promise<Record>): Promise<Record> {
  const empty = { booking, tickets: null, clock: null };
  try {
    const pair = (await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"])) as CryptoKeyPair;
    const raw = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
    return await claim({ ...empty, public: toBase64url(raw), key: pair.privateKey }); // some browsers cannot store such keys
  } catch {
    const seed = crypto.getRandomValues(new Uint8Array(32));
    return claim({ ...empty, public: toBase64url(getPublicKey(seed)), seed });
  }
}

/** Signs as a phone. */
export function signer(record: Record): (message: Uint8Array) => Promise<Uint8Array> {
  const { key, seed } = record;
  return async (message) =>
    key
      ? new Uint8Array(await crypto.subtle.sign("Ed25519", key, Uint8Array.from(message)))
      : sign(message, seed as Uint8Array);
}
