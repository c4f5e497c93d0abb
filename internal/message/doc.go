// Package message holds the structs that cross service borders, and nothing
// that decides. It is a leaf: it imports no other room.
//
// Times are microseconds since 1970 UTC where a field is an int64 named At,
// Until or …At; durations are microseconds. Money is integer minor units.
package message
