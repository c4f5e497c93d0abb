package booking

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/gzip"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/ledger"
	"boxoffice/internal/quick"
	"boxoffice/internal/route"
	"boxoffice/internal/seating"
)

// The bodies of the three forms of GET /events/{id}/seats.
type (
	summaryBody struct {
		EventID  string           `json:"event_id"`
		Seq      int64            `json:"seq" doc:"Version of the event's ledger that the answer shows."`
		Sections []sectionSummary `json:"sections"`
	}
	sectionSummary struct {
		ID               string     `json:"id"`
		Name             string     `json:"name"`
		GeneralAdmission bool       `json:"general_admission"`
		Total            int        `json:"total"`
		Free             int        `json:"free"`
		Held             int        `json:"held"`
		Sold             int        `json:"sold"`
		Tiers            []tierBody `json:"tiers"`
	}
	tierBody struct {
		ID       string `json:"id"`
		Name     string `json:"name"`
		Price    int64  `json:"price" doc:"All-in price of the seat, in minor units of the currency."`
		Currency string `json:"currency"`
	}
	sectionBody struct {
		EventID string       `json:"event_id"`
		Seq     int64        `json:"seq"`
		Section string       `json:"section"`
		Seats   []seatStatus `json:"seats"`
	}
	seatStatus struct {
		Label  string `json:"label"`
		Row    string `json:"row,omitempty"`
		Number string `json:"number"`
		Status string `json:"status" enum:"free,held,sold"`
		Tier   string `json:"tier,omitempty"`
		Price  int64  `json:"price"`
	}
	compactBody struct {
		EventID string `json:"event_id"`
		Seq     int64  `json:"seq"`
		First   int32  `json:"first" doc:"Ordinal of the seat that the first character of status describes."`
		Status  string `json:"status" doc:"One character per seat, in order of the ordinals: . free, h held, s sold or blocked."`
	}
)

type seatsIn struct {
	ID       string `path:"id" maxLength:"64"`
	Section  string `query:"section" maxLength:"100" doc:"Id of a section: the answer then lists its seats."`
	Form     string `query:"form" enum:"compact" doc:"compact: the answer has one character per seat, for clients that draw a map."`
	Encoding string `header:"Accept-Encoding" hidden:"true"`
	After    int64  `query:"after" minimum:"0" doc:"The answer shows this version of the event's ledger or a later one. Pass the seq of your own last change to see it."`
}

type seatsOut struct {
	ContentType     string `header:"Content-Type"`
	ContentLength   string `header:"Content-Length"`
	ContentEncoding string `header:"Content-Encoding" hidden:"true"`
	Vary            string `header:"Vary"`
	CacheControl    string `header:"Cache-Control"`
	ETag            string `header:"ETag"`
	Body            []byte
}

// schema returns the schema of a body for the OpenAPI document.
func schema(api huma.API, body any, name string) *huma.Schema {
	return api.OpenAPI().Components.Schemas.Schema(reflect.TypeOf(body), true, name)
}

func (s *Service) registerSeats(api huma.API) {
	quick.Register(api, huma.Operation{
		OperationID: "get-seats", Method: http.MethodGet, Path: "/events/{id}/seats", Tags: []string{"Events"},
		Summary:     "Read the status of seats",
		Description: "Sections with counts and prices. With section, the seats of this section; with form=compact, one character per seat.",
		Errors:      []int{404, 422},
		Metadata:    route.Meta(route.Optional, route.Shared),
		Responses: map[string]*huma.Response{"200": {Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			schema(api, summaryBody{}, "SummaryBody"), schema(api, sectionBody{}, "SectionBody"), schema(api, compactBody{}, "CompactBody"),
		}}}}}},
	}, s.seats)
}

// seats answers GET /events/{id}/seats.
func (s *Service) seats(ctx context.Context, in *seatsIn) (*seatsOut, error) {
	v, err := s.viewFor(ctx, caller.From(ctx), in.ID, in.After)
	if err != nil {
		return nil, err
	}
	out, err := seatsOf(v, in)
	if err == nil && v.draft() { // only its organizer may see it
		out.CacheControl = "private, no-store"
	}
	return out, err
}

// seatsOf is the status of a view's seats in the form that is asked for.
func seatsOf(v *view, in *seatsIn) (*seatsOut, error) {
	if in.Form == "compact" && in.Section == "" {
		return all(v, codec.TakesGzip(in.Encoding)), nil
	}
	v.mu.RLock()
	defer v.mu.RUnlock()
	out := newSeats(v.seq, "")
	if in.Section == "" {
		return out.encode(v.summary())
	}
	i := v.priced.plan.SectionByID(in.Section)
	if i < 0 {
		return nil, errs.Bad("section", "no-such-section", "%q is not a section of this event", in.Section)
	}
	sec := &v.priced.plan.Sections[i]
	if in.Form == "compact" {
		return out.send(v.compact(sec.First, sec.Count)), nil
	}
	return out.encode(v.section(sec))
}

// newSeats returns an answer about seats at a ledger version, in an encoding.
func newSeats(seq int64, encoding string) *seatsOut {
	tag := strconv.FormatInt(seq, 10)
	if encoding != "" { // other bytes need another strong tag (RFC 9110, section 8.8.3.3)
		tag += "-" + encoding
	}
	return &seatsOut{CacheControl: "public, max-age=0, s-maxage=1, stale-while-revalidate=5", ETag: `"` + tag + `"`,
		ContentEncoding: encoding, Vary: "Accept-Encoding"}
}

// all answers with the status of all seats of a view. Many clients request it at the
// same time, so it is encoded once for each version, and compressed once if any client
// accepts that.
func all(v *view, zip bool) *seatsOut {
	c := v.encodedSeats()
	if !zip {
		return newSeats(c.seq, "").send(c.text)
	}
	c.zip.Do(func() { // outside of the view's lock, so that commits do not wait for it
		var buf bytes.Buffer
		z, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed)
		if _, err := z.Write(c.text); err == nil && z.Close() == nil {
			c.zipped = buf.Bytes()
		}
	})
	return newSeats(c.seq, "gzip").send(c.zipped)
}

// encodedSeats returns all seats of a view in the compact form.
func (v *view) encodedSeats() *encodedSeats {
	v.mu.RLock()
	defer v.mu.RUnlock()
	if c := v.encoded.Load(); c != nil && c.seq == v.seq {
		return c
	}
	c := &encodedSeats{seq: v.seq, text: v.compact(0, int32(len(v.status)))}
	v.encoded.Store(c)
	return c
}

func (o *seatsOut) encode(body any) (*seatsOut, error) {
	raw, err := codec.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode seats: %w", err)
	}
	return o.send(append(raw, '\n')), nil
}

func (o *seatsOut) send(raw []byte) *seatsOut {
	o.ContentType, o.ContentLength, o.Body = "application/json", strconv.Itoa(len(raw)), raw
	return o
}

// compact encodes the compactBody of some seats. The caller has locked the view.
func (v *view) compact(first, n int32) []byte {
	b := make([]byte, 0, int(n)+100)
	b = append(b, `{"event_id":"`...)
	b = append(b, v.eventID...)
	b = append(b, `","seq":`...)
	b = strconv.AppendInt(b, v.seq, 10)
	b = append(b, `,"first":`...)
	b = strconv.AppendInt(b, int64(first), 10)
	b = append(b, `,"status":"`...)
	b = append(b, v.status[first:first+n]...) // of . h s
	return append(b, "\"}\n"...)
}

// encodedSeats are all seats of a view in the compact form, at a ledger version.
type encodedSeats struct {
	seq  int64
	text []byte

	zip    sync.Once
	zipped []byte // text in gzip, once a client has asked for it
}

// summary returns the sections with their counts. The caller has locked the view.
func (v *view) summary() summaryBody {
	p := v.priced
	out := summaryBody{EventID: v.eventID, Seq: v.seq, Sections: make([]sectionSummary, len(p.plan.Sections))}
	for i := range p.plan.Sections {
		sec := &p.plan.Sections[i]
		sum := sectionSummary{ID: sec.ID, Name: sec.Name, GeneralAdmission: sec.GeneralAdmission, Total: int(sec.Count), Tiers: []tierBody{}}
		var seen [seating.NoTier + 1]bool
		for n := sec.First; n < sec.First+sec.Count; n++ {
			switch v.status[n] {
			case seatFree:
				sum.Free++
			case seatHeld:
				sum.Held++
			case seatSold:
				sum.Sold++
			}
			if t := p.tierOf[n]; !seen[t] && t != seating.NoTier {
				seen[t] = true
				tier := &p.Tiers[t]
				sum.Tiers = append(sum.Tiers, tierBody{tier.ID, tier.Name, tier.Price, p.Currency})
			}
		}
		out.Sections[i] = sum
	}
	return out
}

var statusNames = map[byte]string{seatFree: "free", seatHeld: "held", seatSold: "sold"}

// section returns one section, seat by seat. The caller has locked the view.
func (v *view) section(sec *seating.Section) sectionBody {
	p := v.priced
	out := sectionBody{EventID: v.eventID, Seq: v.seq, Section: sec.ID, Seats: make([]seatStatus, 0, sec.Count)}
	for n := sec.First; n < sec.First+sec.Count; n++ {
		seat := seatStatus{Label: p.plan.Seats[n].Label, Number: p.plan.Seats[n].Number, Status: statusNames[v.status[n]]}
		if row := sec.RowOf(n); row != nil {
			seat.Row = row.Label
		}
		if p.tierOf[n] != seating.NoTier {
			seat.Tier, seat.Price = p.of(n).Name, p.of(n).Price
		}
		out.Seats = append(out.Seats, seat)
	}
	return out
}

func (s *Service) registerCheckpoint(api huma.API) {
	type byEvent struct {
		ID string `path:"id" maxLength:"64"`
	}
	type checkpointOut struct{ Body Checkpoint }
	huma.Register(api, huma.Operation{
		OperationID: "get-checkpoint", Method: http.MethodGet, Path: "/events/{id}/checkpoint", Tags: []string{"Ledger"},
		Summary: "Read a signed checkpoint of the event's ledger", Description: "The signed hash of the newest entry. If an earlier entry is changed later, the checkpoint proves it.", Metadata: route.Meta(route.Optional), Errors: []int{404},
	}, func(ctx context.Context, in *byEvent) (*checkpointOut, error) {
		v, err := s.views.get(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		if v.hiddenFrom(caller.From(ctx)) {
			return nil, errs.Missing("event")
		}
		c, err := s.Checkpoint(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		return &checkpointOut{c}, nil
	})
}

func (s *Service) registerLedger(api huma.API) {
	type ledgerIn struct {
		ID    string `path:"id" maxLength:"64"`
		After int64  `query:"after" minimum:"0" doc:"Only entries with a higher seq."`
		Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	}
	type entryBody struct {
		EventID   string      `json:"event_id"`
		Seq       int64       `json:"seq"`
		At        time.Time   `json:"at"`
		Kind      ledger.Kind `json:"kind"`
		BookingID string      `json:"booking_id,omitempty"`
		Seats     []int32     `json:"seats,omitempty" doc:"Ordinals of the seats in the seating plan. After a swap: all seats that the booking now has."`
		Until     *time.Time  `json:"until,omitempty"`
		Amount    int64       `json:"amount,omitempty" doc:"Price of the seats or, for kind cancelled, the amount to refund, in minor units of the currency."`
		Currency  string      `json:"currency,omitempty"`
		Sale      string      `json:"sale,omitempty" doc:"Only for kind sale: the new state of the sale, as a string that contains JSON."`
		Hash      string      `json:"hash" doc:"SHA-256 of the previous entry's hash and this entry, in hexadecimal."`
	}
	type ledgerPage struct {
		Items      []entryBody `json:"items"`
		NextCursor string      `json:"next_cursor,omitempty" doc:"Pass it as after to get the next page. Absent on the last page."`
	}
	type ledgerOut struct{ Body ledgerPage }
	huma.Register(api, huma.Operation{
		OperationID: "get-ledger", Method: http.MethodGet, Path: "/events/{id}/ledger", Tags: []string{"Ledger"},
		Summary: "Read the event's ledger", Description: "For its organizer and admins.", Errors: []int{401, 404, 422},
	}, func(ctx context.Context, in *ledgerIn) (*ledgerOut, error) {
		if err := s.organizes(ctx, in.ID); err != nil {
			return nil, err
		}
		list, err := s.Entries(ctx, in.ID, in.After, in.Limit)
		if err != nil {
			return nil, err
		}
		out := &ledgerOut{}
		out.Body.Items = make([]entryBody, len(list))
		for i, e := range list {
			b := entryBody{e.EventID, e.Seq, time.UnixMicro(e.At).UTC(), e.Kind, e.BookingID, e.Seats, nil, e.Amount, e.Currency, e.Sale, hexHash(e.Hash)}
			if e.Until != 0 {
				t := time.UnixMicro(e.Until).UTC()
				b.Until = &t
			}
			out.Body.Items[i] = b
		}
		if len(list) == in.Limit {
			out.Body.NextCursor = strconv.FormatInt(list[len(list)-1].Seq, 10)
		}
		return out, nil
	})
}
