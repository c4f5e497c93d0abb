// Small help for building elements.

type Props<T> = { [K in keyof T]?: T[K] } & { aria?: Record<string, string>; on?: Record<string, (e: Event) => void> };

/** Makes an element: properties, aria-* attributes, listeners, children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<HTMLElementTagNameMap[K]> = {},
  ...children: (Node | string | null)[]
): HTMLElementTagNameMap[K] {
  const { aria, on, ...rest } = props as Props<HTMLElement>;
  const node = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(aria ?? {})) node.setAttribute(`aria-${name}`, value);
  for (const [name, f] of Object.entries(on ?? {})) node.addEventListener(name, f);
  node.append(...children.filter((c): c is Node | string => c !== null));
  return node;
}

/** The context to draw on a canvas with; every browser that loads modules has one. */
export function context2d(
  canvas: HTMLCanvasElement,
  settings?: CanvasRenderingContext2DSettings,
): CanvasRenderingContext2D {
  const context = canvas.getContext("2d", settings);
  if (!context) throw new Error("the canvas has no 2D context");
  return context;
}

const SVG = "http://www.w3.org/2000/svg";

/** A small picture of lines, 24 by 24. */
export function icon(path: string): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const p = document.createElementNS(SVG, "path");
  p.setAttribute("d", path);
  svg.append(p);
  return svg;
}

export const PLUS = "M12 5v14M5 12h14";
export const MINUS = "M5 12h14";
export const FIT = "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5";
export const CLOSE = "M7 7l10 10M17 7L7 17";

/** A stepper: fewer, a number, more. */
export function stepper(
  words: { label: string; fewer: string; more: string },
  value: number,
  set: (n: number) => void,
  most: () => number,
  least = 1,
): { root: HTMLElement; show(n: number): void } {
  const out = el("output", { className: "sm-count" });
  const button = (label: string, path: string, by: number): HTMLButtonElement =>
    el(
      "button",
      {
        type: "button",
        className: "sm-step",
        aria: { label: `${words.label}: ${label}` },
        on: { click: () => move(by) },
      },
      icon(path),
    );
  const fewer = button(words.fewer, MINUS, -1);
  const more = button(words.more, PLUS, 1);
  const show = (n: number): void => {
    value = n;
    out.textContent = String(n);
    fewer.disabled = n <= least;
    more.disabled = n >= most();
  };
  const move = (by: number): void => {
    const n = Math.max(least, Math.min(most(), value + by));
    show(n);
    set(n);
  };
  show(value);
  return {
    root: el("div", { className: "sm-stepper", role: "group", aria: { label: words.label } }, fewer, out, more),
    show,
  };
}
