// Package issue keeps which code of a seat is the current one. It is a part of the check-in
// service.
//
// A ticket names its issue. The first one is 0 and needs no row, so a purchase writes nothing
// here. Replacing a ticket raises the issue of its seat: the page, the PDF and the API sign
// tickets with the current issue only, and the door refuses earlier ones.
//
// Each change has a number of its event, the rev, by which lists for the door and other
// readers learn what has changed since they read last.
package issue
