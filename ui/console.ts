// The organizer's pages. All of it is an enhancement.

/** How often figures are fetched at most, ms. */
const pause = 1000;

/** After how long a feed that was refused is tried again at least, ms. */
const again = 3000;

/**
 * Keeps the figures of a page up to date: the live feed says that something has
 * changed, the server says what it looks like now. A page without a feed asks every
 * data-every ms.
 */
export function figures(root: ParentNode): void {
  const box = root.querySelector<HTMLElement>("[data-figures]");
  if (!box?.dataset.figures) return;
  const { figures: url, live, every } = box.dataset;
  let wanted = false;
  let busy = false;
  const fetchNow = async (): Promise<void> => {
    busy = true;
    wanted = false;
    try {
      const answer = await fetch(url, { headers: { Accept: "text/html" }, cache: "no-store" });
      if (answer.ok && !answer.redirected) replace(box, await answer.text());
    } catch {
      wanted = true; // the feed comes back, and so do we
    }
    setTimeout(() => {
      busy = false;
      if (wanted && !document.hidden) void fetchNow();
    }, pause);
  };
  const ask = (): void => {
    wanted = true;
    if (!busy && !document.hidden) void fetchNow();
  };
  // The browser comes back by itself after a break; when the server refuses it, we do.
  const follow = (from: string): void => {
    const feed = new EventSource(from);
    feed.addEventListener("seats", ask);
    feed.onerror = () => {
      if (feed.readyState !== EventSource.CLOSED) return;
      const retry = (): void => {
        ask();
        follow(from);
      };
      setTimeout(retry, again * (1 + Math.random()));
    };
  };
  if (live) follow(live);
  if (every) setInterval(ask, Number(every));
  document.addEventListener("visibilitychange", () => {
    if (wanted) ask();
  });
  if (box.querySelector("progress")) setInterval(ask, 2 * pause); // refunds are no change of seats
}

/** Puts new figures in place, with what the reader had opened and where they were. */
function replace(box: HTMLElement, html: string): void {
  const open = [...box.querySelectorAll("details")].map((d) => d.open);
  const focus = box.contains(document.activeElement)
    ? [...box.querySelectorAll<HTMLElement>("summary, [tabindex]")].indexOf(document.activeElement as HTMLElement)
    : -1;
  const fresh = new DOMParser().parseFromString(html, "text/html").body;
  box.replaceChildren(...fresh.childNodes);
  box.querySelectorAll("details").forEach((d, i) => {
    d.open = open[i] ?? false;
  });
  if (focus >= 0) box.querySelectorAll<HTMLElement>("summary, [tabindex]")[focus]?.focus({ preventScroll: true });
}

/** Hides fields that the other answers make needless, and works out all-in prices as one types. */
export function editor(root: ParentNode): void {
  const form = root.querySelector<HTMLFormElement>("form[data-prices]");
  if (!form) return;
  const exponents = JSON.parse(form.dataset.exponents ?? "{}") as Record<string, number>;
  const value = (name: string): string => {
    const field = form.elements.namedItem(name);
    return field && "value" in field ? String(field.value).trim() : "";
  };
  const refresh = (): void => {
    show(form, "new-venue", value("venue") === "new");
    show(form, "rules", value("pricing") === "rules");
    for (const name of ["event_time", "event_date", "end_time", "end_date"]) {
      const field = form.querySelector<HTMLElement>(`#f-${name}`)?.closest<HTMLElement>(".field");
      if (field) field.hidden = value("when") !== name.slice(-4);
    }
    const code = value("currency").toUpperCase();
    const exponent = exponents[code] ?? 2;
    for (const row of form.querySelectorAll(".tier")) {
      const price = row.querySelector<HTMLInputElement>("[data-price]");
      const out = row.querySelector<HTMLOutputElement>("[data-allin]");
      if (!price || !out) continue;
      const all = allIn(
        price.value,
        exponent,
        value("pricing") !== "rules"
          ? null
          : {
              feeRate: hundredths(value("fee_rules.fee_rate")),
              feeFixed: minor(value("fee_rules.fee_fixed") || "0", exponent),
              taxRate: hundredths(value("fee_rules.tax_rate")),
              rounding: value("fee_rules.rounding"),
            },
      );
      out.value = all === null ? "–" : format(all, code, exponent, form.dataset.lang);
    }
  };
  form.addEventListener("input", refresh);
  form.addEventListener("change", refresh);
  refresh();
}

function show(form: HTMLElement, id: string, on: boolean): void {
  const box = form.querySelector<HTMLElement>(`#${id}`);
  if (box) box.hidden = !on;
}

interface Rules {
  feeRate: bigint | null;
  feeFixed: bigint | null;
  taxRate: bigint | null;
  rounding: string;
}

/** A typed amount in minor units; null when it is none. */
export function minor(text: string, exponent: number): bigint | null {
  const m = /^(\d{1,15})(?:[.,](\d*))?$/.exec(text.trim());
  if (!m) return null;
  const places = (m[2] ?? "").replace(/0+$/, "");
  if (places.length > exponent) return null;
  return BigInt(m[1] + places.padEnd(exponent, "0"));
}

/** A typed percentage in hundredths of a percent; null when it is none. */
function hundredths(text: string): bigint | null {
  return text === "" ? BigInt(0) : minor(text.replace("%", ""), 2);
}

/** A share of an amount by a rate, rounded as the server does it. */
function share(amount: bigint, rate: bigint, rounding: string): bigint {
  const whole = BigInt(10000);
  const product = amount * rate;
  const low = product / whole;
  const twice = (product % whole) * BigInt(2);
  const up =
    rounding === "up"
      ? twice > 0
      : rounding === "down"
        ? false
        : twice > whole || (twice === whole && (rounding !== "half_even" || low % BigInt(2) === BigInt(1)));
  return up ? low + BigInt(1) : low;
}

/** The all-in price of a typed amount, in minor units; null when something is not right. */
export function allIn(text: string, exponent: number, rules: Rules | null): bigint | null {
  const face = minor(text, exponent);
  if (face === null || rules === null) return face;
  if (rules.feeRate === null || rules.feeFixed === null || rules.taxRate === null) return null;
  const fee = share(face, rules.feeRate, rules.rounding) + rules.feeFixed;
  return face + fee + share(face + fee, rules.taxRate, rules.rounding);
}

function format(amount: bigint, code: string, exponent: number, lang?: string): string {
  try {
    return new Intl.NumberFormat(lang, {
      style: "currency",
      currency: code,
      minimumFractionDigits: exponent,
      maximumFractionDigits: exponent,
    }).format(Number(amount) / 10 ** exponent);
  } catch {
    return "–"; // no currency yet
  }
}
