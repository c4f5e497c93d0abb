package gateway

import (
	"context"
	"strings"
	"testing"
)

// A number without a fraction is an integer, however it is written.
func TestIntegersWithAPoint(t *testing.T) {
	type tier struct {
		Price int64    `json:"price"`
		Face  *int32   `json:"face"`
		Rate  float64  `json:"rate"`
		More  []uint16 `json:"more"`
		Deep  *tier    `json:"deep"`
	}
	var got tier
	text := `{"price": 2.0, "face":-3.00 , "rate":1.5,"more":[1.0,20,3e2],"deep":{"price":9007199254740992.0}}`
	if err := decode([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Price != 2 || *got.Face != -3 || got.Rate != 1.5 || got.More[0] != 1 || got.More[1] != 20 || got.More[2] != 300 || got.Deep.Price != 1<<53 {
		t.Fatalf("%+v", got)
	}
	for _, text := range []string{`{"price":2.5}`, `{"price":1e300}`, `{"price":"2.0"}`, `{"more":[-1.0]}`, `{"more":[65536.0]}`, `{"price":9007199254740994.0}`} {
		if err := decode([]byte(text), &tier{}); err == nil {
			t.Errorf("%s is read", text)
		}
	}
	many := `{"more":[` + strings.Repeat("1.0,", 1<<20) + `1]}`
	if err := decode([]byte(many), &tier{}); err == nil {
		t.Error("a body is read a million times")
	}
}

func TestIntegersWithAPointReachTheOperation(t *testing.T) {
	d := newDoor(t)
	reached := false
	d.do = func(context.Context) error { reached = true; return nil }
	if res := d.send(t, "POST", "/bookings", `{"event_id":"e","quantity":1.0}`); !reached || res.Code != 201 {
		t.Fatalf("%d %s", res.Code, res.Body)
	}
}
