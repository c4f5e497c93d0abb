// Bytes and their texts.

/** The alphabet of ids: Crockford's base 32. */
const CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz";
/** The alphabet of tickets: RFC 4648, which a QR code packs well. */
const RFC4648 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Bytes as text; bits that are left over count from the top of the last character. */
function encode(bytes: Uint8Array, alphabet: string): string {
  let out = "",
    held = 0,
    bits = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) out += alphabet[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? out + alphabet[(held << (5 - bits)) & 31] : out;
}

/** Text as bytes; null if it is not in the alphabet, or if bits that are left over are not zero. */
function decode(text: string, alphabet: string): Uint8Array | null {
  const out = new Uint8Array(Math.floor((text.length * 5) / 8));
  let held = 0,
    bits = 0,
    at = 0;
  for (const c of text) {
    const value = alphabet.indexOf(c);
    if (value < 0) return null;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[at++] = held >> bits;
    }
    held &= (1 << bits) - 1;
  }
  return bits < 5 && held === 0 ? out : null;
}

export const encode32 = (bytes: Uint8Array): string => encode(bytes, RFC4648);
export const decode32 = (text: string): Uint8Array | null => decode(text, RFC4648);

const EVENT = 10; // bytes of an event's id; the other 12 of a booking's are its own

/** The id of an event or a booking that was packed into 10 or 22 bytes. */
export function unpackID(bytes: Uint8Array): string {
  return encode(bytes.subarray(0, EVENT), CROCKFORD) + encode(bytes.subarray(EVENT), CROCKFORD);
}

/** An event's or a booking's id in bytes; null if it is not one. */
export function packID(id: string): Uint8Array | null {
  const head = decode(id.slice(0, 16), CROCKFORD),
    tail = decode(id.slice(16), CROCKFORD);
  if (!head || !tail || head.length !== EVENT || (tail.length !== 0 && tail.length !== 12)) return null;
  const out = new Uint8Array(head.length + tail.length);
  out.set(head);
  out.set(tail, EVENT);
  return out;
}

/** Eight characters that cannot be mistaken for one another, as people read them: "ABCD-EFGH". */
export function readable(bytes: Uint8Array): string {
  const text = encode(bytes.subarray(0, 5), CROCKFORD).toUpperCase();
  return `${text.slice(0, 4)}-${text.slice(4)}`;
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
}

export function fromBase64url(text: string): Uint8Array {
  const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(raw, (c) => c.charCodeAt(0));
}

export function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
