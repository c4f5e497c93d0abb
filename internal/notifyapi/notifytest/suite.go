// Package notifytest is the suite that every implementation of notifyapi.Service
// passes.
package notifytest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"boxoffice/internal/errs"
	"boxoffice/internal/notifyapi"
)

// Mail is a mail that has arrived.
type Mail struct{ To, Subject, Text, HTML string }

// World is a service that runs, and the mail server that it sends to.
type World struct {
	Service notifyapi.Service
	Settle  func(t *testing.T) // waits until nothing is left to be sent
	Arrived func() []Mail      // all mails so far
}

// To returns the mails that have arrived at an address once nothing is left to be sent.
func (w *World) To(t *testing.T, address string) (list []Mail) {
	t.Helper()
	w.Settle(t)
	for _, m := range w.Arrived() {
		if m.To == address {
			list = append(list, m)
		}
	}
	return list
}

// Code is a notice that is good for tests.
func Code(id, to string) notifyapi.Notice {
	return notifyapi.Notice{ID: id, Kind: notifyapi.Code, To: to, Lang: "en", Data: notifyapi.Data{Code: "ABC-DEF-" + strings.ToUpper(id), Minutes: 10}}
}

// Booked is a notice about an order.
func Booked(id, to, lang string) notifyapi.Notice {
	starts := time.Date(2027, 6, 12, 17, 30, 0, 0, time.UTC)
	return notifyapi.Notice{ID: id, Kind: notifyapi.Booked, To: to, Name: "Ada", Lang: lang, UserID: "u", EventID: "e", BookingID: "eb", Data: notifyapi.Data{
		Link:  "https://tickets.example/orders/eb?token=secret",
		Event: &notifyapi.Event{Title: "Night of the Violins", Starts: starts, Zone: "Europe/Berlin", Venue: "Old Hall", Address: "Main Street 1", City: "Ulm"},
		Order: &notifyapi.Order{Reference: "ABCD-EFGH", Amount: 5800, Currency: "EUR", Places: []notifyapi.Place{
			{Section: "Stalls", Row: "3", Number: "7", Price: 2900}, {Section: "Stalls", Row: "3", Number: "8", Price: 2900},
		}},
	}}
}

// Test runs the suite.
func Test(t *testing.T, newWorld func(t *testing.T) *World) {
	notify := func(t *testing.T, w *World, list ...notifyapi.Notice) {
		t.Helper()
		if err := w.Service.Notify(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("ANoticeIsSentOnce", func(t *testing.T) {
		w := newWorld(t)
		other := Code("1", "ann@example.org")
		other.Data.Code = "OTHER"
		notify(t, w, Code("1", "ann@example.org"))
		notify(t, w, other, Code("2", "ann@example.org"), Code("2", "ann@example.org"))
		list := w.To(t, "ann@example.org")
		notify(t, w, Code("1", "ann@example.org"), Code("2", "ann@example.org")) // after they were sent
		if again := w.To(t, "ann@example.org"); len(list) != 2 || len(again) != 2 {
			t.Errorf("%d mails, later %d: %v", len(list), len(again), list)
		}
		for _, m := range list {
			if strings.Contains(m.Text, "OTHER") {
				t.Errorf("the second notice of an ID took the place of the first: %s", m.Text)
			}
		}
	})
	t.Run("ManyAtOnce", func(t *testing.T) {
		w := newWorld(t)
		const senders, notices = 6, 30
		var all sync.WaitGroup
		for range senders {
			all.Go(func() {
				for i := range notices {
					if err := w.Service.Notify(t.Context(), []notifyapi.Notice{Code(fmt.Sprint(i), "ann@example.org"), Code(fmt.Sprint("b", i), "bob@example.org")}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		var subjects []string
		for _, m := range w.To(t, "ann@example.org") {
			subjects = append(subjects, m.Subject)
		}
		slices.Sort(subjects)
		if n := len(slices.Compact(slices.Clone(subjects))); len(subjects) != notices || n != notices {
			t.Errorf("%d mails, %d different ones, of %d notices", len(subjects), n, notices)
		}
		if n := len(w.To(t, "bob@example.org")); n != notices {
			t.Errorf("%d mails to another address", n)
		}
	})
	t.Run("ABadAddressStopsNobodyElse", func(t *testing.T) {
		w := newWorld(t)
		list := []notifyapi.Notice{Code("1", "ann@example.org")}
		for i, bad := range []string{"", "nobody", "a@b@c", "ann@example.org\r\nBcc: all@example.org", "Ann <ann@example.org>", "a@-bad-.example", "x\x00@example.org"} {
			list = append(list, Code(fmt.Sprint("bad", i), bad))
		}
		notify(t, w, append(list, Code("2", "bob@example.org"))...)
		notify(t, w, list...) // they are taken
		w.Settle(t)
		if got := w.Arrived(); len(got) != 2 {
			t.Errorf("%v", got)
		}
	})
	t.Run("AMistakeTakesNone", func(t *testing.T) {
		w := newWorld(t)
		none, odd := Code("", "ann@example.org"), Code("3", "ann@example.org")
		odd.Kind = "unheard-of"
		for _, bad := range []notifyapi.Notice{none, odd} {
			if err := w.Service.Notify(t.Context(), []notifyapi.Notice{Code("1", "ann@example.org"), bad}); errs.KindOf(err) != errs.Invalid {
				t.Errorf("%+v: %v", bad, err)
			}
		}
		if got := w.To(t, "ann@example.org"); len(got) != 0 {
			t.Errorf("%v", got)
		}
		notify(t, w)
		notify(t, w, Code("1", "ann@example.org")) // its ID is free
		if got := w.To(t, "ann@example.org"); len(got) != 1 {
			t.Errorf("%v", got)
		}
	})
	t.Run("WhatIsTooLateIsNotSent", func(t *testing.T) {
		w := newWorld(t)
		late := Code("1", "ann@example.org")
		late.Until = time.Now().Add(-time.Minute)
		notify(t, w, late, Code("2", "ann@example.org"))
		if got := w.To(t, "ann@example.org"); len(got) != 1 || !strings.Contains(got[0].Text, "ABC-DEF-2") {
			t.Errorf("%v", got)
		}
	})
	t.Run("InTheLanguageOfThePerson", func(t *testing.T) {
		w := newWorld(t)
		notify(t, w, Booked("1", "ann@example.org", "en"), Booked("2", "bea@example.org", "de"), Booked("3", "cleo@example.org", "xx"))
		for to, part := range map[string]string{"ann@example.org": "19:30 (Europe/Berlin)", "bea@example.org": "58,00\u00a0€", "cleo@example.org": "€58.00"} {
			got := w.To(t, to)
			if len(got) != 1 || !strings.Contains(got[0].Text, part) || !strings.Contains(got[0].HTML, part) || !strings.Contains(got[0].Text, "https://tickets.example/orders/eb?token=secret") {
				t.Errorf("to %s: %v", to, got)
			}
		}
	})
}
