// Package browser looks at the pages as fans and organizers see them: Chromium
// reads them from a node of the demo, with and without scripts, on a desktop and
// on a phone, by mouse and by keyboard.
//
//	stage/             a node and a browser, for these tests and for pictures
//	main_test.go       the stage that all tests share, and what readers do
//	journey_test.go    what fans do, step by step
//	pages_test.go      every page: nothing breaks, axe-core has nothing to say, it fits a narrow phone
//	fits_test.go       every page, both languages, phones and a desktop: no text is cut off
//	search_test.go     finding events while one types
//	race_test.go       several fans, one seat
//	buy_test.go        purchases that go well, or not at first
//	late_test.go       a hold that runs out, and a payment that comes too late
//	ways_test.go       the same by touch, without scripts, by keyboard
//	after_test.go      tickets, and giving seats back
//	offline_test.go    tickets where there is no network
//	door_test.go       the check-in app, with a camera, a scanner, and no network
//	photo_test.go      pictures of codes as a camera sees them
//	organizer_test.go  an event from its form to its cancellation
package browser
