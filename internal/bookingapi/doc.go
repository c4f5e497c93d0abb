// Package bookingapi holds the types of the booking service that others may use.
//
// Times are microseconds since 1970 UTC where a field is an int64 named At, Until
// or …At; durations are microseconds. Amounts are integer minor units.
package bookingapi
