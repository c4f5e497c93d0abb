// Package notify sends mail. For now a mail is a file: a folder of .eml files
// that any mail program opens, and a page to read them by.
package notify
