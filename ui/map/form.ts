// The form that holds seats, and the list of seats beside the map, kept in step
// with the map's choice. Both work without it.
import type { Hall } from "./hall";
import type { Voice } from "./words";

/**
 * Writes the choice into the form: hidden fields seats, or section and quantity
 * for places of an area. While there is a choice, the fields of the form's own
 * "best available" part are not sent, unless its button, named best, is pressed.
 * Fills [data-count] and [data-total].
 */
export function bindForm(form: HTMLFormElement, hall: Hall, voice: Voice): void {
  const box = document.createElement("div");
  box.hidden = true;
  form.append(box);
  const field = (name: string, value: string): HTMLInputElement =>
    Object.assign(document.createElement("input"), { type: "hidden", name, value });
  const write = (): void => {
    const listed = new Set([...listOf(form)].filter((i) => i.checked).map((i) => i.value));
    const fields = [...hall.chosen]
      .map((s) => hall.model.label[s])
      .filter((l) => !listed.has(l))
      .map((l) => field("seats", l));
    if (hall.places)
      fields.push(
        field("section", hall.model.sections[hall.places.section].id),
        field("quantity", String(hall.places.count)),
      );
    box.replaceChildren(...fields);
    const n = hall.size();
    const show = (name: string, text: string): void => {
      for (const e of form.querySelectorAll(`[data-${name}]`)) e.textContent = text;
    };
    show("count", voice.count(hall.places ? "places" : "chosen", n));
    show("total", voice.price(hall.total()));
  };
  // Who presses the button of that part wants the best, and not what is chosen.
  let best = false;
  form.addEventListener("submit", (e) => (best = e.submitter?.getAttribute("name") === "best"), true);
  form.addEventListener("formdata", (e) => {
    if (hall.size() === 0) return;
    if (best) return e.formData.delete("seats");
    for (const name of ["seats", "quantity", "section", "tier"]) e.formData.delete(name);
    for (const s of hall.chosen) e.formData.append("seats", hall.model.label[s]);
    if (!hall.places) return;
    e.formData.set("section", hall.model.sections[hall.places.section].id);
    e.formData.set("quantity", String(hall.places.count));
  });
  hall.on((c) => {
    if (c.kind === "chosen") write();
  });
  write();
}

/** The checkboxes of the form that stand for seats. */
function listOf(form: HTMLFormElement): HTMLInputElement[] {
  return [...form.elements].filter(
    (e): e is HTMLInputElement => e instanceof HTMLInputElement && e.type === "checkbox" && e.name === "seats",
  );
}

/**
 * Keeps the checkboxes of a list of seats in step with the map: checked ones
 * are chosen, those that are gone cannot be. Rows may come and go.
 */
export function bindList(list: HTMLElement, hall: Hall, toggle: (seat: number) => void): void {
  const boxes = new Map<number, HTMLInputElement>();
  const read = (): void => {
    boxes.clear();
    const inputs = [...list.querySelectorAll<HTMLInputElement>('input[type="checkbox"][name="seats"]')];
    const byLabel = new Map(inputs.map((i) => [i.value, i]));
    if (byLabel.size > 0)
      for (let s = 0; s < hall.model.n; s++) {
        const box = byLabel.get(hall.model.label[s]);
        if (box) boxes.set(s, box);
      }
    for (const s of boxes.keys()) show(s);
  };
  const show = (seat: number): void => {
    const box = boxes.get(seat);
    if (!box) return;
    const chosen = hall.chosen.has(seat);
    if (box.checked !== chosen) box.checked = chosen;
    const gone = !chosen && !hall.isFree(seat);
    if (box.disabled === gone) return;
    box.disabled = gone;
    box.closest("label, li, tr")?.classList.toggle("taken", gone);
  };
  list.addEventListener("change", (e) => {
    for (const [seat, box] of boxes)
      if (box === e.target && box.checked !== hall.chosen.has(seat)) {
        toggle(seat);
        show(seat);
      }
  });
  hall.on((c) => {
    if (c.kind === "seats" && !c.all) [...c.taken, ...c.freed].forEach(show);
    else if (c.kind !== "filter") for (const s of boxes.keys()) show(s);
  });
  new MutationObserver(read).observe(list, { childList: true, subtree: true });
  read();
}
