// Package browser looks at the pages as fans and organizers see them: Chromium
// reads them from a node of the demo, with and without scripts, on a desktop and
// on a phone, by mouse and by keyboard.
//
//	stage/          a node and a browser, for these tests and for pictures
//	pages_test.go   every page: nothing breaks, axe-core has nothing to say, it fits a narrow phone
package browser
