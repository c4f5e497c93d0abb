// What a phone keeps of its tickets, in IndexedDB: its key, and what it needs without a network.
import type { Kept } from "../gate/clock";
import type { Tickets } from "./page";

/** A phone, as far as one booking is concerned. Its private key is one of the browser's that nobody can read, or a seed. */
export interface Record {
  booking: string;
  public: string; // base64url
  key?: CryptoKey;
  seed?: Uint8Array;
  tickets: Tickets | null;
  clock: Kept | null;
}

const wait = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Store {
  private constructor(private db: IDBDatabase) {}

  static async open(): Promise<Store> {
    const request = indexedDB.open("boxoffice-tickets", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("phones", { keyPath: "booking" });
    return new Store(await wait(request));
  }

  async load(booking: string): Promise<Record | null> {
    const found = await wait(this.db.transaction("phones").objectStore("phones").get(booking));
    return (found as Record | undefined) ?? null;
  }

  /** Stores a new phone, unless the booking has one: returns the one that it has then. */
  async claim(record: Record): Promise<Record> {
    const phones = this.db.transaction("phones", "readwrite", { durability: "strict" }).objectStore("phones");
    const found = (await wait(phones.get(record.booking))) as Record | undefined;
    if (found) return found;
    await wait(phones.add(record));
    return record;
  }

  async save(record: Record): Promise<void> {
    const t = this.db.transaction("phones", "readwrite", { durability: "strict" });
    await wait(t.objectStore("phones").put(record));
  }
}
