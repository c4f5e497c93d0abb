/**
 * Adds the reader's own time to each <time datetime data-local> whose place
 * keeps another time: the page shows the venue's, the script knows the reader's.
 */
export function localTimes(root: ParentNode): void {
  for (const el of root.querySelectorAll<HTMLTimeElement>("time[datetime][data-local]")) {
    const at = new Date(el.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    const there = offsetOf(el.dateTime);
    if (there === null || there === -at.getTimezoneOffset()) continue;
    const lang = el.closest<HTMLElement>("[lang]")?.lang || undefined;
    const own = document.createElement("span");
    own.className = "local-time";
    const format = new Intl.DateTimeFormat(lang, {
      weekday: "short",
      hour: "numeric",
      minute: "2-digit",
      timeZoneName: "short",
    });
    own.textContent = written(format, at);
    el.after(" ", own);
  }
}

/**
 * Says each <time datetime data-own> in the reader's own time, with its zone: the
 * page names the venue's, since it cannot know another.
 */
export function ownTimes(root: ParentNode): void {
  for (const el of root.querySelectorAll<HTMLTimeElement>("time[datetime][data-own]")) {
    const at = new Date(el.dateTime);
    if (Number.isNaN(at.getTime()) || offsetOf(el.dateTime) === -at.getTimezoneOffset()) continue;
    const lang = el.closest<HTMLElement>("[lang]")?.lang;
    const format = new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, {
      hour: "2-digit",
      minute: "2-digit",
      timeZoneName: "short",
    });
    el.textContent = written(format, at);
  }
}

/** A time with its zone as pages write it: in German, "19:30 Uhr (MEZ)". */
export function written(format: Intl.DateTimeFormat, at: Date): string {
  const german = format.resolvedOptions().locale.startsWith("de");
  return format
    .formatToParts(at)
    .map((p) => (german && p.type === "timeZoneName" ? `Uhr (${p.value})` : p.value))
    .join("");
}

/** Minutes east of UTC that an RFC 3339 time names; null when it names none. */
export function offsetOf(time: string): number | null {
  const m = /(?:Z|([+-])(\d\d):(\d\d))$/i.exec(time);
  if (!m) return null;
  if (!m[1]) return 0;
  return (m[1] === "-" ? -1 : 1) * (Number(m[2]) * 60 + Number(m[3]));
}
