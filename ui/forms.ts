/** Forms are sent once, however often one clicks. */
export function forms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || form.method !== "post") return;
    if (form.dataset.sent !== undefined) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "";
    // Not before the browser has read the form: a disabled button is not sent.
    window.setTimeout(() => freeze(form, true));
  });
  // A page that comes back, by the back button, is fresh again.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.forms) {
      delete form.dataset.sent;
      freeze(form, false);
    }
  });
}

function freeze(form: HTMLFormElement, on: boolean): void {
  form.setAttribute("aria-busy", String(on));
  for (const el of form.elements) {
    if (!(el instanceof HTMLButtonElement)) continue;
    if (on && !el.disabled) {
      el.disabled = true;
      el.dataset.frozen = "";
    } else if (!on && el.dataset.frozen !== undefined) {
      el.disabled = false;
      delete el.dataset.frozen;
    }
  }
}
