package event

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/maypok86/otter/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/route"
	"boxoffice/internal/seating"
)

// planBody is a seating plan on the wire: seats by ordinal.
type planBody struct {
	*seating.Plan
	Seats []planSeat `json:"seats" doc:"The plan's seats. A seat's index in this list is its ordinal."`
}

type planSeat struct {
	Label          string  `json:"label"`
	Number         string  `json:"number"`
	X              float32 `json:"x"`
	Y              float32 `json:"y"`
	Category       uint16  `json:"category" doc:"Index of the seat's category in categories."`
	Accessible     bool    `json:"accessible,omitempty"`
	RestrictedView bool    `json:"restricted_view,omitempty"`
}

type planIn struct {
	ID       string `path:"id" maxLength:"64"`
	Encoding string `header:"Accept-Encoding" hidden:"true"`
	Drawn    bool   `query:"drawn" default:"true" doc:"Whether the answer says where seats are drawn. If not, their x and y are 0, which saves two thirds of the answer: for clients that show no map." example:"false"`
	Version  string `query:"version" maxLength:"100" doc:"The plan's version, as in the event's plan.url. With it, the answer never changes and can be cached permanently."`
}

type planOut struct {
	ContentType     string `header:"Content-Type"`
	ContentEncoding string `header:"Content-Encoding" hidden:"true"`
	Vary            string `header:"Vary"`
	ETag            string `header:"ETag"`
	CacheControl    string `header:"Cache-Control"`
	Body            []byte
}

func (s *Service) registerPlan(api huma.API) {
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[planBody](), true, "Plan")
	huma.Register(api, huma.Operation{
		OperationID: "get-plan", Method: http.MethodGet, Path: "/events/{id}/plan", Tags: []string{"Events"}, Summary: "Read an event's seating plan",
		Description: "A version of a plan never changes: read it from the event's plan.url, and cache it permanently.", Errors: []int{404},
		Metadata: route.Meta(route.Optional, route.Shared),
		Responses: map[string]*huma.Response{
			"200": {Description: "OK", Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
			"304": {Description: "Not modified: If-None-Match names the current version."},
		},
	}, func(ctx context.Context, in *planIn) (*planOut, error) {
		e, err := s.get(ctx, caller.From(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		if e, err = s.sold(ctx, e); err != nil {
			return nil, err
		}
		version := fmt.Sprintf("%s-%d", e.PlanID, e.PlanVersion)
		tag := version
		if !in.Drawn {
			tag += "-undrawn"
		}
		out := &planOut{ContentType: "application/json", Vary: "Accept-Encoding", ETag: `"` + tag + `"`, CacheControl: "public, max-age=60"}
		switch {
		case !e.public():
			out.CacheControl = "private, no-store"
		case in.Version == version:
			out.CacheControl = "public, max-age=86400, immutable"
		}
		body, err := s.bodies.Get(ctx, bodyKey{planKey{e.PlanID, e.PlanVersion}, in.Drawn}, otter.LoaderFunc[bodyKey, planBytes](s.encodePlan))
		if err != nil {
			return nil, err
		}
		out.Body = body.plain
		if codec.TakesGzip(in.Encoding) {
			// Other bytes have another strong tag (RFC 9110, section 8.8.3.3).
			out.Body, out.ContentEncoding, out.ETag = body.zipped, "gzip", `"`+tag+`-gzip"`
		}
		return out, nil
	})
}

// bodyKey names a plan as it is sent.
type bodyKey struct {
	planKey
	drawn bool // with where its seats are
}

// planBytes is an encoded plan. A seat takes about sixty bytes plain and six zipped.
type planBytes struct{ plain, zipped []byte }

// encodePlan encodes a plan, once for all clients that request it at the same time:
// encoding takes longer than the rest of the answer.
func (s *Service) encodePlan(ctx context.Context, k bodyKey) (planBytes, error) {
	p, err := s.Plan(context.WithoutCancel(ctx), k.id, k.version)
	if err != nil {
		return planBytes{}, err
	}
	body := planBody{Plan: p, Seats: make([]planSeat, len(p.Seats))}
	for i := range p.Seats {
		st := &p.Seats[i]
		body.Seats[i] = planSeat{st.Label, st.Number, st.X, st.Y, st.Category, st.Accessible, st.RestrictedView}
		if !k.drawn {
			body.Seats[i].X, body.Seats[i].Y = 0, 0
		}
	}
	plain, err := codec.Marshal(body)
	if err != nil {
		return planBytes{}, err
	}
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(plain); err != nil {
		return planBytes{}, err
	}
	if err := z.Close(); err != nil {
		return planBytes{}, err
	}
	return planBytes{plain, buf.Bytes()}, nil
}
