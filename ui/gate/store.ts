// What this device keeps, in IndexedDB: itself, the list, the plan, all scans, and the
// names of guests where it may see them.
import type { Kept } from "./clock";
import type { Mark, Own } from "./entry";
import type { List } from "./list";
import type { NamePage } from "./names";
import type { Plan } from "./plan";
import type { DoorState } from "./wire";

/** The device as it was paired. */
export interface Device {
  id: string;
  token: string;
}

/** What people have set on this device. */
export interface Choices {
  lang?: string;
  sound: boolean;
  buzz: boolean;
  sun: boolean; // high contrast
  camera: boolean;
  entrance?: string; // id, of a device that may scan at any
}

/** All that is kept, as it is read when the app starts. */
export interface Memory {
  device: Device | null;
  state: DoorState | null;
  list: List | null;
  plan: Plan | null;
  clock: Kept | null;
  cursor: string; // of others' scans
  counter: number; // of the last own scan
  choices: Choices;
  own: Own[];
  others: Mark[];
  names: NamePage[];
}

/** Single values, by name. */
type Value = "device" | "state" | "list" | "plan" | "clock" | "cursor" | "counter" | "choices";

export const usual: Choices = { sound: true, buzz: true, sun: false, camera: true };

const wait = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Whether an error says that there is no room left. */
export function isFull(err: unknown): boolean {
  return err instanceof DOMException && err.name === "QuotaExceededError";
}

export class Store {
  private constructor(private db: IDBDatabase) {}

  static async open(name = "boxoffice-gate"): Promise<Store> {
    const request = indexedDB.open(name, 2);
    request.onupgradeneeded = (e) => {
      if (e.oldVersion < 1) {
        request.result.createObjectStore("values");
        request.result.createObjectStore("own", { keyPath: "counter" });
        request.result.createObjectStore("others", { keyPath: ["device", "counter"] });
      }
      request.result.createObjectStore("names", { keyPath: "page" });
    };
    return new Store(await wait(request));
  }

  async load(): Promise<Memory> {
    const t = this.db.transaction(["values", "own", "others", "names"]);
    const value = <T>(name: Value): Promise<T | undefined> => wait(t.objectStore("values").get(name));
    const [device, state, list, plan, clock, cursor, counter, choices, own, others, names] = await Promise.all([
      value<Device>("device"),
      value<DoorState>("state"),
      value<List>("list"),
      value<Plan>("plan"),
      value<Kept>("clock"),
      value<string>("cursor"),
      value<number>("counter"),
      value<Choices>("choices"),
      wait(t.objectStore("own").getAll()) as Promise<Own[]>,
      wait(t.objectStore("others").getAll()) as Promise<Mark[]>,
      wait(t.objectStore("names").getAll()) as Promise<NamePage[]>,
    ]);
    return {
      device: device ?? null,
      state: state ?? null,
      list: list ?? null,
      plan: plan ?? null,
      clock: clock ?? null,
      cursor: cursor ?? "",
      counter: counter ?? 0,
      choices: { ...usual, ...choices },
      own,
      others,
      names,
    };
  }

  /** Stores single values. */
  set(values: Partial<Record<Value, unknown>>): Promise<void> {
    return this.write(["values"], (t) => {
      for (const [name, value] of Object.entries(values)) t.objectStore("values").put(value, name);
    });
  }

  /** Stores an own scan, and with it the counter and the clock. */
  scan(own: Own, clock: Kept): Promise<void> {
    return this.write(["values", "own"], (t) => {
      t.objectStore("own").put(own);
      t.objectStore("values").put(clock, "clock");
      t.objectStore("values").put(own.counter, "counter");
    });
  }

  /** Stores what became of own scans. */
  sent(list: Own[]): Promise<void> {
    return this.write(["own"], (t) => {
      for (const own of list) t.objectStore("own").put(own);
    });
  }

  /** Stores scans of others, with the place where they end. */
  others(marks: Mark[], cursor: string): Promise<void> {
    return this.write(["values", "others"], (t) => {
      for (const mark of marks) t.objectStore("others").put(mark);
      t.objectStore("values").put(cursor, "cursor");
    });
  }

  /** Stores a page of names. */
  namePage(page: NamePage): Promise<void> {
    return this.write(["names"], (t) => void t.objectStore("names").put(page));
  }

  /** Deletes pages of names; none are given: all. */
  forgetNames(pages?: number[]): Promise<void> {
    return this.write(["names"], (t) => {
      const names = t.objectStore("names");
      if (!pages) names.clear();
      else for (const page of pages) names.delete(page);
    });
  }

  /** Forgets the event and its scans, but not what people have set. */
  forget(): Promise<void> {
    return this.write(["values", "own", "others", "names"], (t) => {
      for (const name of ["device", "state", "list", "plan", "clock", "cursor", "counter"])
        t.objectStore("values").delete(name);
      t.objectStore("own").clear();
      t.objectStore("others").clear();
      t.objectStore("names").clear();
    });
  }

  private write(stores: string[], change: (t: IDBTransaction) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      // A power cut must not take a scan that was shown: it is on the disk before it is done.
      const t = this.db.transaction(stores, "readwrite", { durability: "strict" });
      t.oncomplete = () => resolve();
      t.onabort = () => reject(t.error ?? new DOMException("not stored", "AbortError"));
      change(t);
    });
  }
}
