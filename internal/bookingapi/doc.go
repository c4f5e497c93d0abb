// Package bookingapi is the contract of the booking service: the interface that other
// services and the pages may call (Service), the types that cross it, and its errors
// (Problems). Every implementation passes the suite in package bookingtest.
//
// Unless a field says otherwise, times are microseconds since 1970 UTC, durations are
// microseconds, and amounts are integer minor units, all fees included.
package bookingapi
