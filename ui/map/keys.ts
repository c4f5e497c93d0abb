// The map by keyboard: arrows go from seat to seat, Enter chooses.
import { step } from "./choose";
import type { Hall } from "./hall";
import type { View } from "./view";

export interface Reader {
  toggle(seat: number): void;
  enterArea(section: number): void;
  read(seat: number): void; // says what there is
  away(): void;
}

const WAYS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function bindKeys(view: View, hall: Hall, reader: Reader): void {
  const m = hall.model;
  const go = (seat: number): void => {
    if (seat < 0) return;
    view.focus = seat;
    view.reveal([seat]);
    view.redraw();
    reader.read(seat);
  };
  const act: Record<string, () => void> = {
    "+": () => view.camera.scaleBy(1.6),
    "=": () => view.camera.scaleBy(1.6),
    "-": () => view.camera.scaleBy(1 / 1.6),
    "0": () => view.camera.fly(view.camera.whole()),
    Home: () => end(0),
    End: () => end(1),
    PageDown: () => nextSection(1),
    PageUp: () => nextSection(-1),
    Enter: () => choose(),
    " ": () => choose(),
    Escape: () => {
      view.focus = -1;
      reader.away();
      view.redraw();
    },
  };
  const end = (last: number): void => {
    const row = m.rows[m.row[view.focus]];
    if (row) go(row.first + last * (row.count - 1));
  };
  const nextSection = (by: number): void => {
    const n = m.sections.length;
    const at = view.focus < 0 ? (by > 0 ? -1 : n) : m.section[view.focus];
    go(firstFree(m.sections[(at + by + n) % n]));
  };
  const firstFree = (s: { first: number; count: number }): number => {
    for (let i = s.first; i < s.first + s.count; i++) if (hall.isFree(i)) return i;
    return s.first;
  };
  const choose = (): void => {
    if (view.focus < 0) return;
    const section = m.section[view.focus];
    if (m.sections[section].standing) reader.enterArea(section);
    else reader.toggle(view.focus);
  };
  const nearest = (x: number, y: number): number => {
    let [best, least] = [-1, Infinity];
    for (let s = 0; s < m.n; s++) {
      const far = Math.hypot(m.x[s] - x, m.y[s] - y);
      if (far < least && m.row[s] >= 0 && hall.isFree(s)) [best, least] = [s, far];
    }
    return best;
  };
  const arrow = (way: [number, number], pan: boolean): void => {
    if (pan) view.camera.panBy(-90 * way[0], -90 * way[1]);
    else if (view.focus < 0) go(start());
    else go(step(m, view.focus, way[0], way[1]));
  };
  /** Where to begin: with what is chosen, else in the middle of what is seen, else with the best free seat. */
  const start = (): number => {
    const [first] = hall.chosen;
    if (first !== undefined) return first;
    const { at, fitted, width, height } = view.camera;
    if (at.k > fitted * 1.3) return nearest(...view.camera.plan(width / 2, height / 2));
    const s = m.sections.find((s, i) => !s.standing && hall.freeIn[i] > 0) ?? m.sections[0];
    return s ? firstFree(s) : -1;
  };
  view.canvas.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const way = WAYS[e.key];
    const f = act[e.key];
    if (!way && !f) return;
    e.preventDefault();
    if (way) arrow(way, e.shiftKey);
    else f();
  });
  view.canvas.addEventListener("focus", () => view.redraw());
  view.canvas.addEventListener("blur", () => {
    reader.away();
    view.redraw();
  });
}
