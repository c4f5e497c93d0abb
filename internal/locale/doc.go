// Package locale writes for people in their language: messages from catalogues, dates
// and times in the zone of the place, amounts of money, numbers. Pages and mails share
// it, so that both write in the same way.
package locale
