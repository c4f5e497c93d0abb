// Package seating describes halls: seating plans with their sections, rows and
// seats, and the price lists that give each seat a tier. Seats are numbered 0…n-1
// (ordinals) within a plan.
package seating
