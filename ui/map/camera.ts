// Pan and zoom: wheel, drag, pinch, double tap, and moves that the map makes by itself.
import { interpolateZoom } from "d3-interpolate";
import { pointer, select } from "d3-selection";
import type { ZoomBehavior, ZoomTransform } from "d3-zoom";
import { zoom, zoomIdentity } from "d3-zoom";
import type { Box } from "./plan";
import type { Placement } from "./tiles";

const EDGE = 22; // CSS pixels left free around the whole plan: names stand there
const CLOSEST = 46; // CSS pixels from seat to seat at the largest scale

export class Camera {
  at: Placement = { k: 1, x: 0, y: 0 };
  width = 1;
  height = 1;
  fitted = 1; // scale at which the whole plan is seen
  private behavior: ZoomBehavior<HTMLCanvasElement, unknown>;
  private flight = 0;

  /** moved is called at each move; mayZoom says whether a double tap at a place zooms. */
  constructor(
    private canvas: HTMLCanvasElement,
    private box: Box,
    private pitch: number,
    moved: () => void,
    mayZoom: (x: number, y: number) => boolean,
  ) {
    this.behavior = zoom<HTMLCanvasElement, unknown>()
      .clickDistance(6)
      .filter((e: Event) => this.wanted(e))
      .on("zoom", (e: { transform: ZoomTransform; sourceEvent: Event | null }) => {
        if (e.sourceEvent) this.stop();
        this.at = e.transform;
        this.touch();
        moved();
      });
    select(canvas)
      .call(this.behavior)
      .on("dblclick.zoom", (e: Event) => {
        const [x, y] = pointer(e, canvas);
        if (mayZoom(x, y)) this.scaleBy(2.2, x, y);
      });
  }

  /** At its smallest the map leaves one finger to the page, which scrolls. */
  private wanted(e: Event): boolean {
    if (e.type === "touchstart") return (e as TouchEvent).touches.length > 1 || !this.small();
    const mouse = e as MouseEvent;
    return (!mouse.ctrlKey || e.type === "wheel") && !mouse.button;
  }

  private small(): boolean {
    return this.at.k <= this.fitted * 1.02;
  }

  private touch(): void {
    this.canvas.style.touchAction = this.small() ? "pan-x pan-y" : "none";
  }

  /** Takes the size of the canvas, in CSS pixels. */
  resize(width: number, height: number): void {
    const fresh = this.width === 1;
    const whole = this.small();
    const [l, t, r, b] = this.box;
    [this.width, this.height] = [width, height];
    this.fitted = Math.min((width - 2 * EDGE) / (r - l), (height - 2 * EDGE) / (b - t));
    const margin = Math.max(width, height) / this.fitted / 3;
    this.behavior
      .extent([
        [0, 0],
        [width, height],
      ])
      .scaleExtent([this.fitted, Math.max(this.fitted * 2, CLOSEST / this.pitch)])
      .translateExtent([
        [l - margin, t - margin],
        [r + margin, b + margin],
      ]);
    if (fresh || whole) this.jump(this.whole());
    else this.jump(this.at);
  }

  /** Shows the whole plan, in the middle. */
  whole(): Placement {
    const [l, t, r, b] = this.box;
    return {
      k: this.fitted,
      x: (this.width - this.fitted * (l + r)) / 2,
      y: (this.height - this.fitted * (t + b)) / 2,
    };
  }

  jump(to: Placement): void {
    this.behavior.transform(select(this.canvas), zoomIdentity.translate(to.x, to.y).scale(to.k));
  }

  /** Flies to a placement, unless the reader wants no motion. */
  fly(to: Placement): void {
    this.stop();
    const k1 = this.clamp(to.k);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.jump(to);
    const seen = (p: Placement): [number, number, number] => [
      (this.width / 2 - p.x) / p.k,
      (this.height / 2 - p.y) / p.k,
      this.width / p.k,
    ];
    const way = interpolateZoom(seen(this.at), seen({ ...to, k: k1 }));
    const lasts = Math.min(650, Math.max(220, way.duration * 0.6));
    const start = performance.now();
    const tick = (now: number): void => {
      const t = Math.min(1, Math.max(0, (now - start) / lasts));
      const [cx, cy, w] = way(t < 1 ? 1 - (1 - t) ** 3 : 1);
      const k = t < 1 ? this.width / w : k1;
      this.jump({ k, x: this.width / 2 - cx * k, y: this.height / 2 - cy * k });
      this.flight = t < 1 ? requestAnimationFrame(tick) : 0;
    };
    this.flight = requestAnimationFrame(tick);
  }

  get flying(): boolean {
    return this.flight !== 0;
  }

  private stop(): void {
    cancelAnimationFrame(this.flight);
    this.flight = 0;
  }

  private clamp(k: number): number {
    const [least, most] = this.behavior.scaleExtent();
    return Math.max(least, Math.min(most, k));
  }

  /** Zooms around a point of the screen; its middle when none is given. */
  scaleBy(by: number, x = this.width / 2, y = this.height / 2): void {
    const k = this.clamp(this.at.k * by);
    if (k <= this.fitted * 1.001) return this.fly(this.whole());
    const f = k / this.at.k;
    this.fly({ k, x: x - (x - this.at.x) * f, y: y - (y - this.at.y) * f });
  }

  panBy(dx: number, dy: number): void {
    this.fly({ k: this.at.k, x: this.at.x + dx, y: this.at.y + dy });
  }

  /** Flies so that a box of the plan fills the screen, or to a scale around its middle. */
  show(box: Box, k?: number): void {
    const fit = Math.min((this.width - 48) / (box[2] - box[0]), (this.height - 48) / (box[3] - box[1]));
    const scale = this.clamp(k ?? fit);
    this.fly({
      k: scale,
      x: this.width / 2 - (scale * (box[0] + box[2])) / 2,
      y: this.height / 2 - (scale * (box[1] + box[3])) / 2,
    });
  }

  /** A point of the screen, in the plan. */
  plan(x: number, y: number): [number, number] {
    return [(x - this.at.x) / this.at.k, (y - this.at.y) / this.at.k];
  }

  /** A point of the plan, on the screen. */
  screen(x: number, y: number): [number, number] {
    return [x * this.at.k + this.at.x, y * this.at.k + this.at.y];
  }
}
