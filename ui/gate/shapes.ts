// Signs and pictures on buttons, 24 by 24: told apart by their outline, not by colour.

export type Shape =
  | "tick"
  | "cross"
  | "warning"
  | "arrow"
  | "undo"
  | "search"
  | "light"
  | "settings"
  | "counts"
  | "camera";

const paths: Record<Shape, { fill?: string; line: string }> = {
  tick: { fill: "M12 1a11 11 0 1 0 0 22a11 11 0 1 0 0-22Z", line: "M6.5 12.5l3.8 3.8l7.2-8" },
  cross: { fill: "M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9Z", line: "M7.5 7.5l9 9M16.5 7.5l-9 9" },
  warning: { fill: "M12 1.5L23.5 22H.5Z", line: "M12 8.5v6.5M12 18.4v.2" },
  arrow: { fill: "M2 2h20v20H2Z", line: "M17 12H7M11 8l-4 4l4 4" },
  undo: { line: "M4 9h10a5.5 5.5 0 0 1 0 11h-3M8 4.5L3.5 9L8 13.5" },
  search: { line: "M10.5 4a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13ZM15.5 15.5L21 21" },
  light: { line: "M8 2.5h8v4l-2 3v12h-4v-12l-2-3ZM12 12v2.5" },
  settings: { line: "M4 6h16M4 12h16M4 18h16" },
  counts: { line: "M5 20v-6M12 20V4M19 20v-10" },
  camera: { line: "M3 7h4l1.5-2.5h7L17 7h4v12H3ZM12 9.5a3.5 3.5 0 1 0 0 7a3.5 3.5 0 1 0 0-7Z" },
};

const SVG = "http://www.w3.org/2000/svg";

export function picture(shape: Shape): SVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  for (const [kind, d] of Object.entries(paths[shape])) {
    const p = document.createElementNS(SVG, "path");
    p.setAttribute("d", d);
    p.setAttribute("class", kind);
    svg.append(p);
  }
  return svg;
}
