// Colours, as the style sheet says: the map reads custom properties, so that
// themes are made in CSS only.

import { context2d } from "./dom";

/** Red, green, blue; 0…255. */
export type RGB = [number, number, number];

export interface Theme {
  paper: RGB;
  ink: RGB;
  muted: RGB;
  line: RGB;
  taken: RGB;
  accent: RGB;
  tiers: RGB[];
  font: string;
  dark: boolean;
}

export const PALETTE = 8;

/** Reads the theme that an element has now. */
export function readTheme(el: HTMLElement): Theme {
  const probe = document.createElement("span");
  probe.hidden = true;
  el.append(probe);
  const ctx = context2d(document.createElement("canvas"), { willReadFrequently: true });
  const read = (name: string): RGB => {
    probe.style.color = `var(${name})`;
    ctx.fillStyle = getComputedStyle(probe).color;
    ctx.fillRect(0, 0, 1, 1);
    const d = ctx.getImageData(0, 0, 1, 1).data;
    return [d[0], d[1], d[2]];
  };
  const theme: Theme = {
    paper: read("--map-background"),
    ink: read("--map-text"),
    muted: read("--map-muted"),
    line: read("--map-border"),
    taken: read("--map-taken"),
    accent: read("--map-accent"),
    tiers: Array.from({ length: PALETTE }, (_, i) => read(`--tier-${i + 1}`)),
    font: getComputedStyle(el).fontFamily,
    dark: false,
  };
  theme.dark = luminance(theme.paper) < luminance(theme.ink);
  probe.remove();
  return theme;
}

export function css(c: RGB): string {
  return `rgb(${c[0]},${c[1]},${c[2]})`;
}

/** a with a share of b, 0…1, mixed in. */
export function mix(a: RGB, b: RGB, share: number): RGB {
  return [0, 1, 2].map((i) => Math.round(a[i] + (b[i] - a[i]) * share)) as RGB;
}

/** Relative luminance (WCAG 2.2). */
function luminance(c: RGB): number {
  const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** How much two colours stand out from each other, 1…21 (WCAG 2.2). */
export function contrast(a: RGB, b: RGB): number {
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

/** The one of two colours that stands out more from a ground. */
export function readable(on: RGB, a: RGB, b: RGB): RGB {
  return contrast(a, on) >= contrast(b, on) ? a : b;
}

/** Reads #rgb or #rrggbb; what stands behind, opacity, is left out. */
export function parse(hex: string): RGB {
  const digits = hex.replace("#", "");
  const wide = digits.length < 6 ? [...digits.slice(0, 3)].map((d) => d + d).join("") : digits;
  return [0, 2, 4].map((i) => parseInt(wide.slice(i, i + 2), 16) || 0) as RGB;
}
