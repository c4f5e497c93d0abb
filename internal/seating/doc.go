// Package seating describes halls: seating plans with their sections, rows and
// seats, and the price lists that give each seat a tier. Seats are numbered 0…n-1
// (ordinals) within a plan. The package does no I/O.
//
//	plan.go      Plan, its sections, rows and seats; Prices and their tiers
//	document.go  plans as JSON documents: reading, checking, packing for storage
//	choose.go    chooses the best seats; near.go: seats near others
//	arrange.go   puts the seats of a row in the order in which people sit
//	shape.go     what is drawn beneath the seats
//	template.go  draws plans of any size: theatre, arena, stadium, club;
//	             template_scaled.go: the versions that are true to scale
package seating
