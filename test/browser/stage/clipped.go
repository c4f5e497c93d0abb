package stage

import "fmt"

// clipped finds texts that a reader cannot read whole: cut off by the edge of
// the page or of an element around them, sticking out of their button or field,
// running into the next cell of a table, or broken within a word that is short
// enough for the narrowest phone. What can be scrolled into view is
// whole, and what is there for screen readers only is not looked at.
const clipped = `(() => {
  const out = new Set(), width = document.documentElement.clientWidth, slack = 1.5;
  const say = (what, el, text) => out.add(what + " <" + el.tagName.toLowerCase() + (el.className && typeof el.className === "string" ? "." + el.className : "") + ">: " + text.trim().slice(0, 60));
  const unseen = (el) => { for (let up = el; up; up = up.parentElement) if (getComputedStyle(up).clipPath === "inset(50%)") return true; return false; };
  const inner = (el) => { const b = el.getBoundingClientRect(); return { left: b.left, right: b.right, top: b.top, bottom: b.bottom }; };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const el = node.parentElement, text = node.textContent ?? "";
    if (!text.trim() || !el || el.closest("script, style, template, svg, noscript, option, .unseen, .skip") || !el.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()].filter((r) => r.width > 0 && r.height > 0);
    if (unseen(el)) continue;
    for (const r of rects) {
      let scrolls = false;
      for (let up = el; up && up !== document.documentElement && !scrolls; up = up.parentElement) {
        const style = getComputedStyle(up), box = inner(up);
        if (style.display === "inline" || style.display === "contents") continue;
        const out = r.right > box.right + slack || r.left < box.left - slack;
        if (up.matches("button, .button, .chip, .card, input, select, td, th") && out) say("sticks out of its", up, text);
        if (style.overflowX === "auto" || style.overflowX === "scroll") scrolls = true;
        else if (style.overflowX !== "visible" && out) say("is cut off by", up, text);
        else if ((style.overflowY === "hidden" || style.overflowY === "clip") && (r.bottom > box.bottom + 4 || r.top < box.top - 4) && style.webkitLineClamp === "none") say("is cut off below by", up, text);
        if (style.position === "fixed" || style.position === "absolute" && r.bottom < 0) break;
      }
      if (!scrolls && (r.right > width + slack || r.left < -slack)) say("is cut off by the edge of the page:", el, text);
    }
  }
  const ruler = document.createElement("canvas").getContext("2d");
  const short = (word, el) => { ruler.font = getComputedStyle(el).font; return ruler.measureText(word).width < 150; };
  const broken = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = broken.nextNode(); node; node = broken.nextNode()) {
    const el = node.parentElement;
    if (!el || el.closest("script, style, template, svg, noscript, option, pre, code, .unseen, .skip") || !el.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const whole = node.textContent ?? "";
    for (const m of whole.matchAll(/[\p{L}\p{N}]{2,}/gu)) {
      const before = whole.slice(0, m.index).match(/\S*$/)[0], after = whole.slice(m.index).match(/^\S*/)[0];
      if ((before + after).includes("@")) continue; // a long email address has to break somewhere
      const range = document.createRange();
      range.setStart(node, m.index);
      range.setEnd(node, m.index + m[0].length);
      const lines = new Set([...range.getClientRects()].filter((r) => r.width > 0).map((r) => Math.round(r.top)));
      if (lines.size > 1 && short(m[0], el) && !unseen(el)) say("is broken within a word", el, node.textContent ?? "");
    }
  }
  for (const el of document.querySelectorAll("button, .button, input, select, textarea, .chip")) {
    if (el.closest(".unseen, template") || !el.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const r = el.getBoundingClientRect();
    if (r.width <= 1 || r.height <= 1) continue;
    let scrolls = false;
    for (let up = el.parentElement; up && up !== document.documentElement && !scrolls; up = up.parentElement) {
      const style = getComputedStyle(up), box = inner(up);
      if (style.overflowX === "auto" || style.overflowX === "scroll") scrolls = true;
      else if (style.overflowX !== "visible" && (r.right > box.right + slack || r.left < box.left - slack)) say("is cut off by ." + up.className + ":", el, el.textContent ?? "");
    }
    if (!scrolls && (r.right > width + slack || r.left < -slack)) say("is cut off by the edge of the page:", el, el.textContent ?? "");
    if (el instanceof HTMLInputElement && el.placeholder && !el.value) {
      const words = el.placeholder;
      const pen = document.createElement("canvas").getContext("2d"), style = getComputedStyle(el);
      pen.font = style.font;
      const room = el.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      if (pen.measureText(words.trim()).width > room + 2) say("does not fit into", el, words);
    }
  }
  const words = (el) => {
    const range = document.createRange();
    range.selectNodeContents(el);
    return [...range.getClientRects()].filter((r) => r.width > 1 && r.height > 1);
  };
  for (const row of document.querySelectorAll("tr")) {
    const cells = [...row.children].filter((c) => c.checkVisibility() && !unseen(c) && !unseen(c.firstElementChild));
    for (let i = 0; i + 1 < cells.length; i++) for (const a of words(cells[i])) for (const b of words(cells[i + 1])) {
      if (a.top < b.bottom && b.top < a.bottom && a.right + 6 > b.left && b.right + 6 > a.left) say("touches the next cell", cells[i], cells[i].textContent ?? "");
    }
  }
  const wide = document.documentElement.scrollWidth;
  if (wide > width) out.add("the page is " + wide + " wide on a screen of " + width);
  return [...out];
})()`

// Clipped lists the texts of the page that are not to be read whole.
func (t *Tab) Clipped() ([]string, error) {
	var list []string
	if err := t.Eval(clipped, &list); err != nil {
		return nil, fmt.Errorf("clipped texts at %s: %w", t.Path(), err)
	}
	return list, nil
}
