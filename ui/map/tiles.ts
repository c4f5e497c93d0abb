// The plan as bitmaps: painted once, moved about while one pans. A layer holds
// the tiles of one scale. While the scale changes, the old layer is stretched;
// when it comes to rest, a new one is painted over it, a few tiles a frame.

import { context2d } from "./dom";
import type { Painter } from "./paint";
import type { Box } from "./plan";

export const TILE = 256; // CSS pixels a side
const MOST = 90; // tiles kept for each layer
const FADE = 140; // ms in which a new tile appears

interface Tile {
  canvas: HTMLCanvasElement;
  x: number; // in tiles
  y: number;
  stale: boolean;
  born: number; // ms; 0 for one that shows at once
}

/** Where the plan is on the screen: screen = k * plan + (x, y), in CSS pixels. */
export interface Placement {
  k: number;
  x: number;
  y: number;
}

export class Tiles {
  private layer: Layer;
  private under: Layer | null = null;
  private pool: HTMLCanvasElement[] = [];
  /** No fading where the reader wants no motion. */
  calm = false;

  constructor(
    private painter: Painter,
    k: number,
  ) {
    this.layer = new Layer(k);
  }

  /** The scale at which tiles are sharp. */
  get k(): number {
    return this.layer.k;
  }

  /** Starts a layer at another scale; what there is stays beneath until it is covered. */
  rescale(k: number): void {
    if (k === this.layer.k) return;
    if (this.layer.tiles.size > 0) {
      this.release(this.under);
      this.under = this.layer;
    }
    this.layer = new Layer(k);
  }

  /** Everything is to be painted anew: other colours, another filter. */
  restart(painter: Painter): void {
    this.painter = painter;
    this.release(this.under);
    this.under = null;
    this.spoil();
  }

  /** What lies in a box of the plan is to be painted anew. */
  spoil(box?: Box): void {
    for (const layer of [this.layer, this.under]) {
      if (!layer) continue;
      if (!box) {
        for (const t of layer.tiles.values()) t.stale = true;
        continue;
      }
      const [x0, y0, x1, y1] = box.map((v) => Math.floor((v * layer.k) / TILE));
      for (let y = y0; y <= y1; y++) {
        for (let x = x0; x <= x1; x++) {
          const t = layer.tiles.get(key(x, y));
          if (t) t.stale = true;
        }
      }
    }
  }

  /**
   * Draws the plan, and paints up to most missing and stale tiles: their bitmaps
   * are made when they are first drawn, so the clock alone would not tell what
   * they cost. Answers whether another frame is needed.
   */
  draw(ctx: CanvasRenderingContext2D, at: Placement, width: number, height: number, most: number): boolean {
    const now = performance.now();
    const wanted = this.layer.around(at, width, height);
    const missing = wanted.filter((w) => this.layer.tiles.get(w.key)?.stale !== false);
    for (const w of missing.slice(0, most)) this.paint(w.key, w.x, w.y, now);
    const left = missing.length - Math.min(most, missing.length);
    if (this.under) this.blit(ctx, this.under, at, width, height, now, true);
    const fading = this.blit(ctx, this.layer, at, width, height, now, this.calm);
    if (this.under && left === 0 && !fading) {
      this.release(this.under);
      this.under = null;
    }
    if (left === 0) this.prune(at, width, height);
    return left > 0 || fading;
  }

  private paint(k: number, x: number, y: number, now: number): void {
    const { painter, layer } = this;
    let t = layer.tiles.get(k);
    if (!t) {
      t = { canvas: this.pool.pop() ?? document.createElement("canvas"), x, y, stale: true, born: now };
      layer.tiles.set(k, t);
    }
    const size = TILE * painter.dpr;
    const ctx = context2d(t.canvas);
    if (t.canvas.width !== size) t.canvas.width = t.canvas.height = size;
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    ctx.clearRect(0, 0, size, size);
    const side = TILE / layer.k;
    painter.paint(ctx, [x * side, y * side, (x + 1) * side, (y + 1) * side], layer.k);
    t.stale = false;
  }

  private blit(
    ctx: CanvasRenderingContext2D,
    layer: Layer,
    at: Placement,
    width: number,
    height: number,
    now: number,
    solid: boolean,
  ): boolean {
    const dpr = this.painter.dpr;
    const ratio = at.k / layer.k;
    const side = TILE * ratio;
    const snap = (v: number): number => (ratio === 1 ? Math.round(v * dpr) / dpr : v); // sharp at rest
    let fading = false;
    for (const t of layer.tiles.values()) {
      const x = snap(at.x) + t.x * side;
      const y = snap(at.y) + t.y * side;
      if (x > width || y > height || x + side < 0 || y + side < 0) continue;
      const alpha = solid ? 1 : Math.min(1, (now - t.born) / FADE);
      if (alpha < 1) {
        ctx.globalAlpha = Math.max(0.02, alpha);
        fading = true;
      }
      ctx.drawImage(t.canvas, x, y, side, side);
      ctx.globalAlpha = 1;
    }
    return fading;
  }

  /** Lets go of the tiles that are farthest away. */
  private prune(at: Placement, width: number, height: number): void {
    const { tiles } = this.layer;
    if (tiles.size <= MOST) return;
    const [cx, cy] = [(width / 2 - at.x) / TILE - 0.5, (height / 2 - at.y) / TILE - 0.5];
    const far = [...tiles].sort((a, b) => Math.hypot(b[1].x - cx, b[1].y - cy) - Math.hypot(a[1].x - cx, a[1].y - cy));
    for (const [k, t] of far.slice(0, tiles.size - MOST)) {
      tiles.delete(k);
      this.pool.push(t.canvas);
    }
  }

  private release(layer: Layer | null): void {
    if (!layer) return;
    for (const t of layer.tiles.values()) if (this.pool.length < MOST) this.pool.push(t.canvas);
    layer.tiles.clear();
  }
}

class Layer {
  readonly tiles = new Map<number, Tile>();

  constructor(readonly k: number) {}

  /** The tiles that are on the screen, those in the middle first. */
  around(at: Placement, width: number, height: number): { key: number; x: number; y: number }[] {
    const side = (TILE * at.k) / this.k;
    const out: { key: number; x: number; y: number; far: number }[] = [];
    for (let y = Math.floor(-at.y / side); y * side + at.y < height; y++) {
      for (let x = Math.floor(-at.x / side); x * side + at.x < width; x++) {
        out.push({
          key: key(x, y),
          x,
          y,
          far: Math.hypot((x + 0.5) * side + at.x - width / 2, (y + 0.5) * side + at.y - height / 2),
        });
      }
    }
    return out.sort((a, b) => a.far - b.far);
  }
}

function key(x: number, y: number): number {
  return (x + 32768) * 65536 + y + 32768;
}
