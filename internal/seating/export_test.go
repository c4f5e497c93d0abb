package seating

import (
	"maps"
	"slices"
)

// TemplateVersions returns all versions of all templates.
func TemplateVersions() []string { return slices.Sorted(maps.Keys(templates)) }

// SeatApart is how far apart the seats of a row are in drawings that are true to scale.
const SeatApart = seatApart
