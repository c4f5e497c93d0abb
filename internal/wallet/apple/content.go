package apple

import (
	"time"

	"boxoffice/internal/id"
	"boxoffice/internal/walletapi"
)

// content is pass.json. Texts that are keys of pass.strings are shown in the reader's
// language; a device formats dates itself.
type content struct {
	FormatVersion      int    `json:"formatVersion"`
	PassTypeIdentifier string `json:"passTypeIdentifier"`
	TeamIdentifier     string `json:"teamIdentifier"`
	SerialNumber       string `json:"serialNumber"`
	WebServiceURL      string `json:"webServiceURL,omitempty"`
	AuthToken          string `json:"authenticationToken,omitempty"`

	OrganizationName string `json:"organizationName"`
	Description      string `json:"description"`
	LogoText         string `json:"logoText"`
	GroupingID       string `json:"groupingIdentifier"` // tickets of one event lie on one pile
	RelevantDate     string `json:"relevantDate,omitempty"`
	Voided           bool   `json:"voided,omitempty"`

	BackgroundColor string `json:"backgroundColor"`
	ForegroundColor string `json:"foregroundColor"`
	LabelColor      string `json:"labelColor"`

	Barcodes    []barcode `json:"barcodes,omitempty"`
	EventTicket fields    `json:"eventTicket"`
}

type barcode struct {
	Format          string `json:"format"`
	Message         string `json:"message"`
	MessageEncoding string `json:"messageEncoding"`
	AltText         string `json:"altText,omitempty"`
}

type fields struct {
	Header    []field `json:"headerFields,omitempty"`
	Primary   []field `json:"primaryFields"`
	Secondary []field `json:"secondaryFields"`
	Auxiliary []field `json:"auxiliaryFields,omitempty"`
	Back      []field `json:"backFields"`
}

type field struct {
	Key             string `json:"key"`
	Label           string `json:"label,omitempty"`
	Value           string `json:"value"`
	ChangeMessage   string `json:"changeMessage,omitempty"`
	DateStyle       string `json:"dateStyle,omitempty"`
	TimeStyle       string `json:"timeStyle,omitempty"`
	IgnoresTimeZone bool   `json:"ignoresTimeZone,omitempty"` // show the time of the event's zone
}

// The colours of the tickets in PDF.
const (
	ground = "rgb(24, 27, 48)"
	ink    = "rgb(255, 255, 255)"
	pale   = "rgb(196, 200, 222)"
)

func (i *Identity) content(o *walletapi.Order, ordinal int32, serial string, u Update) content {
	c := content{
		FormatVersion: 1, PassTypeIdentifier: i.PassType, TeamIdentifier: i.Team, SerialNumber: serial, WebServiceURL: u.Service, AuthToken: u.Token,
		OrganizationName: o.Organizer, Description: word("description"), LogoText: o.Organizer, GroupingID: id.Event(o.BookingID),
		BackgroundColor: ground, ForegroundColor: ink, LabelColor: pale,
	}
	if !o.Starts.IsZero() {
		c.RelevantDate = o.Starts.Format(time.RFC3339)
	}
	seat := o.Seat(ordinal)
	f := &c.EventTicket
	f.Header = []field{when(o, "header", "PKDateStyleShort", "")}
	f.Primary = []field{{Key: "event", Value: o.Event}}
	if o.Test {
		c.LogoText = "TEST"
		f.Secondary = append(f.Secondary, field{Key: "test", Label: "TEST", Value: word("test")})
	}
	status := field{Key: "status", Label: word("status"), Value: word("valid"), ChangeMessage: "%@"}
	if seat == nil {
		c.Voided, status.Value = true, word("void")
		f.Secondary = append(f.Secondary, field{Key: "void", Label: word("status"), Value: word("void")})
	} else {
		c.Barcodes = []barcode{{Format: "PKBarcodeFormatQR", Message: seat.Token, MessageEncoding: "iso-8859-1", AltText: o.Reference}}
		f.Auxiliary = seatFields(seat)
	}
	f.Secondary = append(f.Secondary, field{Key: "venue", Label: word("venue"), Value: o.Venue, ChangeMessage: word("new-venue")})
	f.Secondary = filled(f.Secondary, field{Key: "holder", Label: word("holder"), Value: o.Holder})

	date := when(o, "when", "PKDateStyleFull", "PKDateStyleShort")
	date.ChangeMessage = word("new-date")
	f.Back = append(f.Back, status, date)
	f.Back = filled(f.Back, field{Key: "address", Label: word("address"), Value: o.Address})
	if seat != nil {
		f.Back = filled(f.Back, field{Key: "tier", Label: word("tier"), Value: seat.Tier})
	}
	f.Back = append(f.Back, field{Key: "reference", Label: word("reference"), Value: o.Reference})
	f.Back = filled(f.Back, field{Key: "page", Label: word("page"), Value: o.Page})
	f.Back = append(f.Back, field{Key: "terms", Value: word("terms")})
	return c
}

func seatFields(s *walletapi.Seat) []field {
	list := []field{{Key: "section", Label: word("section"), Value: s.Section, ChangeMessage: word("new-section")}}
	list = filled(list, field{Key: "row", Label: word("row"), Value: s.Row})
	return filled(list, field{Key: "seat", Label: word("seat"), Value: s.Number, ChangeMessage: word("new-seat")})
}

// filled appends a field unless it has no value.
func filled(list []field, f field) []field {
	if f.Value == "" {
		return list
	}
	return append(list, f)
}

// when is a field with the event's date, as far as it is known.
func when(o *walletapi.Order, key, dateStyle, timeStyle string) field {
	f := field{Key: key, Label: word("when"), Value: word("unknown")}
	switch {
	case !o.Starts.IsZero():
		f.Value = o.Starts.Format(time.RFC3339)
		f.DateStyle, f.TimeStyle, f.IgnoresTimeZone = dateStyle, "PKDateStyleShort", true
		if timeStyle == "" {
			f.TimeStyle = "PKDateStyleNone"
		}
	case o.Date != "":
		f.Value = o.Date + "T00:00:00Z"
		f.DateStyle, f.TimeStyle, f.IgnoresTimeZone = dateStyle, "PKDateStyleNone", true
	}
	return f
}

// word is the key of a word in pass.strings. Wallet looks up every text, so keys must be
// unlike titles and names.
func word(key string) string { return "boxoffice." + key }
