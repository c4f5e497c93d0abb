// What the app says: the words come with the page, in both languages.

export interface Words {
  title: string; // Check-in
  pair_title: string; // Pair this device
  pair_text: string; // The organizer finds a pairing code on the page of the event. Scan it with this …
  pair_code: string; // Pairing code
  pair_name: string; // Name of this device (optional)
  pair_go: string; // Pair this device
  pair_scan: string; // Scan the code
  pair_bad: string; // This code does not work. It may have been used, or be older than 15 minutes. A …
  pair_offline: string; // There is no network. Pairing needs one; scanning does not.
  pair_no_line: string; // The gate node does not reach the box office, and only that can pair devices. Sca …
  pair_busy: string; // The device could not be paired. Please try again in a minute.
  loading: string; // Getting the list of tickets …
  no_list: string; // This device has no list of tickets yet. It needs the network once before it ca …
  entry: string; // Entry
  exit: string; // Exit
  direction: string; // What is scanned
  controls: string; // Controls
  undo: string; // Undo
  undo_long: string; // Undo the last scan
  search: string; // Search
  light: string; // Light
  settings: string; // Settings
  inside: string; // Inside
  entered: string; // Entered
  of: string; // of {n}
  mine: string; // By me
  counts: string; // Counts
  counts_long: string; // Show all numbers
  here: string; // Here
  all: string; // In all
  entrances: string; // Entrances
  sections: string; // Sections
  lists: string; // Guest lists
  tickets: string; // Tickets
  list_count: string; // {list}: {n} of {of}
  online: string; // Online
  offline: string; // Offline
  waiting_one: string; // {n} scan waiting
  waiting_other: string; // {n} scans waiting
  no_line: string; // No line to the box office · list of {time}
  offline_list: string; // Offline · list of {time}
  ready: string; // Hold the code in front of the camera.
  ready_wedge: string; // Ready. Scan a code.
  camera_start: string; // Start the camera
  camera_off: string; // The camera is off. A scanner that types, and the search, work without it.
  camera_denied: string; // This page may not use the camera. Allow it in the browser's settings for this  …
  camera_none: string; // No camera was found, or another program uses it.
  camera_insecure: string; // Browsers allow the camera only on pages with HTTPS.
  admitted: string; // Welcome
  out_ok: string; // Goodbye
  refused: string; // No entry
  refused_out: string; // Not noted
  again: string; // Already inside
  undone: string; // Undone
  since: string; // Came in at {time}, {entrance}
  no_reentry: string; // Has left, and nobody may come back in.
  not_sold: string; // This ticket was refunded, exchanged or cancelled.
  replaced: string; // There is a newer ticket for this seat. Only that one is valid.
  other_event: string; // This ticket is for another event.
  unknown_key: string; // This device cannot check this ticket. Connect it to the network, or send the g …
  forged: string; // This code is forged or damaged.
  malformed: string; // This is not a ticket. Scan the QR code of the ticket.
  wrong_entrance: string; // This seat has another entrance.
  use_entrance: string; // Please use: {entrances}
  too_early: string; // Doors open at {time}.
  too_early_here: string; // This entrance opens at {time}.
  too_late_here: string; // This entrance closed at {time}.
  too_late: string; // Doors closed at {time}.
  device_revoked: string; // This device may not scan any more.
  not_allowed: string; // This device may not do that.
  not_inside: string; // Nobody is inside with this ticket.
  nothing_to_undo: string; // There is no scan of this device to undo.
  alone: string; // There is no network, and without it this device lets nobody in.
  alone_mark: string; // Decided without the network
  alone_node: string; // Decided without the box office
  stale_code: string; // This code is not the one of now: it is a copy, or the phone’s page stands still. Let t …
  not_bound: string; // Printed codes and screenshots do not admit here. Let the guest open the tickets on a …
  untimed_mark: string; // The time of this code could not be checked
  double: string; // {seat} came in twice: first at {time}, {entrance}. One of the two tickets is a …
  last: string; // Last: {text}
  dismiss: string; // Dismiss
  section: string; // Section
  row: string; // Row
  seat: string; // Seat
  seat_text: string; // {section}, row {row}, seat {seat}
  place: string; // Standing
  sound: string; // Sound
  buzz: string; // Vibration
  sun: string; // High contrast, for bright sun
  camera: string; // Camera
  language: string; // Language
  close: string; // Close
  event: string; // Event
  device: string; // Device
  entrance: string; // Entrance
  list: string; // List of tickets
  list_text: string; // {n} tickets, as of {time}
  names: string; // Names of guests
  names_text: string; // Bookings on this device: {n}, until it is unpaired or its time is over.
  without: string; // Without a network
  without_admit: string; // This device decides by its list, and marks the scan.
  without_refuse: string; // This device lets nobody in.
  unpair: string; // Unpair this device
  unpair_waiting_one: string; // {n} scan has not been sent yet, and would be lost. Connect to the network firs …
  unpair_waiting_other: string; // {n} scans have not been sent yet, and would be lost. Connect to the network fi …
  unpair_sure: string; // To scan again, this device will need a new code. Press once more to unpair it.
  full: string; // The storage of this device is full. Scans are now kept only while this page is …
  revoked_title: string; // This device may not scan any more
  revoked_text: string; // The organizer has withdrawn it. To scan again, pair it with a new code.
  not_now_title: string; // This device may not scan now
  not_now_text: string; // It was paired for another time.
  retry: string; // Try again
  elsewhere_title: string; // Check-in is open twice
  elsewhere_text: string; // Another tab or window of this device is scanning. Close it, and this one goes  …
  broken_title: string; // Nothing can be stored here
  broken_text: string; // This browser keeps no data for this page, as in a private window. Open the pag …
  find_label: string; // Name or booking number
  find_label_offline: string; // Booking number
  find_hint_offline: string; // Without a network, only what this device has scanned can be found.
  find_hint_kept: string; // There is no network. This device searches the names that it has.
  find_hint_rights: string; // This device may not search for guests. Only what it has scanned can be found.
  find_go: string; // Find
  find_none: string; // Nothing was found.
  find_failed: string; // The search did not work. Please try again.
  find_too_many: string; // This device has searched too often. Please wait a minute.
  find_in: string; // Let in
  find_out: string; // Note exit
  is_inside: string; // Inside since {time}, {entrance}
  is_outside: string; // Not inside
  scanned_in: string; // Let in at {time}
  scanned_out: string; // Left at {time}
  scanned_no: string; // Refused at {time}
}

export type Key = keyof Words;
export type Values = Record<string, string | number>;
type Plural = Key extends infer K ? (K extends `${infer P}_other` ? P : never) : never;

export class Voice {
  private plurals: Intl.PluralRules;
  private numbers: Intl.NumberFormat;
  private hours: Intl.DateTimeFormat;

  constructor(
    private words: Partial<Words>,
    readonly lang: string,
    zone?: string,
  ) {
    this.plurals = new Intl.PluralRules(lang);
    this.numbers = new Intl.NumberFormat(lang);
    this.hours = new Intl.DateTimeFormat(lang, {
      hour: "2-digit",
      minute: "2-digit",
      hourCycle: "h23",
      timeZone: zone,
    });
  }

  say(key: Key, values: Values = {}): string {
    const text = this.words[key] ?? `[${key}]`;
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
      const value = values[name];
      if (value === undefined) return whole;
      return typeof value === "number" ? this.numbers.format(value) : value;
    });
  }

  /** The form of a word for n things: key_one, key_other. */
  count(key: Plural, n: number): string {
    return this.say(`${key}_${this.plurals.select(n) === "one" ? "one" : "other"}` as Key, { n });
  }

  number(n: number): string {
    return this.numbers.format(n);
  }

  /** The time of day at the venue. */
  time(ms: number): string {
    return this.hours.format(ms);
  }
}
