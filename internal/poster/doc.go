// Package poster draws a poster for each event: a small composition of plain
// shapes, chosen by the event's category and varied by its id, the same for
// ever. Compositions know nothing of where they are drawn:
//
//	Of(id, category) ─► Poster ─► SVG: for pages
//	                        └──► Card.PNG: with the event's words, for links to it
package poster
