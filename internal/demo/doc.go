// Package demo is what a demo's database is filled with: events around today, some of
// them partly sold. They can be imported and sold again; only what is missing is added.
package demo
