// Package safetext makes texts that strangers chose safe to show: without hidden
// characters, and in mails without words that mail programs turn into links.
package safetext
