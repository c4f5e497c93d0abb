// Stands in for d3-transition when the map is bundled (scripts/assets.sh): of it
// d3-zoom needs only what ends transitions, and the map has none, as Camera flies
// by itself. It saves a tenth of the event page's script.
import { selection } from "d3-selection";

export function interrupt(): void {
  // nothing runs that could be ended
}

Object.assign(selection.prototype, {
  interrupt(this: unknown) {
    return this;
  },
});
