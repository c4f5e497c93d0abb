// The list of who may enter: four bytes a seat, and no names. See docs/door.md.
import { unpackID, view } from "./bytes";

export interface List {
  event: string;
  plan: number; // version of the seating plan
  seq: number; // version of the ledger
  rev: number; // version of the issues
  made: number; // µs since 1970, by the server's clock
  digests: Uint32Array; // by ordinal; 0: nobody may enter with this seat
}

const HEADER = 47;

/** The list, or the changes since another one, as the server has sent them. Throws if they are damaged. */
export function decodeList(bytes: Uint8Array, before: List | null): List {
  const at = view(bytes);
  if (bytes.length < HEADER) throw new Error("the list is cut off");
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (bytes[4] !== 1) throw new Error("the list has another format");
  const head = {
    event: unpackID(bytes.subarray(5, 15)),
    plan: at.getUint32(15),
    seq: Number(at.getBigUint64(23)),
    rev: Number(at.getBigUint64(31)),
    made: Number(at.getBigUint64(39)),
  };
  const n = at.getUint32(19);
  const whole = magic === "BXDL";
  if ((!whole && magic !== "BXDD") || bytes.length !== HEADER + n * (whole ? 4 : 8))
    throw new Error("the list is damaged");
  if (whole) {
    const digests = new Uint32Array(n);
    for (let i = 0; i < n; i++) digests[i] = at.getUint32(HEADER + 4 * i);
    return { ...head, digests };
  }
  if (!before || before.event !== head.event || before.plan !== head.plan) throw new Error("changes of another list");
  const digests = before.digests.slice();
  for (let i = 0; i < n; i++) {
    const seat = at.getUint32(HEADER + 8 * i);
    if (seat >= digests.length) throw new Error("the list is damaged");
    digests[seat] = at.getUint32(HEADER + 8 * i + 4);
  }
  return { ...head, digests };
}

/** How many seats may be entered with. */
export function expected(list: List): number {
  let n = 0;
  for (const d of list.digests) if (d !== 0) n++;
  return n;
}
