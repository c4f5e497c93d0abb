package gateway

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/errs"
)

// What huma says about a field has a code with arguments, for other languages, and the
// words of our own errors.
func TestReasonsHaveCodes(t *testing.T) {
	for message, want := range map[string]errs.Reason{
		"expected length <= 100":                           {Code: "too-long", Args: []any{"100"}, Text: "must have at most 100 characters"},
		"expected array length >= 1":                       {Code: "too-few", Args: []any{"1"}, Text: "must have at least 1 entries"},
		"expected number >= 9.466848e+11":                  {Code: "below-minimum", Args: []any{"946684800000"}, Text: "must be at least 946684800000"},
		"expected number >= 1":                             {Code: "below-minimum", Args: []any{"1"}, Text: "must be at least 1"},
		"expected integer":                                 {Code: "not-a-number", Text: "must be a whole number"},
		"expected string":                                  {Code: "wrong-type", Text: "must be a string"},
		"expected value to be one of \"draft, published\"": {Code: "not-a-choice", Args: []any{`one of "draft, published"`}, Text: `must be one of "draft, published"`},
		"unexpected property":                              {Code: "unknown-field", Text: "is not a field of this request"},
		"something new":                                    {Code: "not-valid", Text: "something new"},
	} {
		f := fieldOf(&huma.ErrorDetail{Location: "body.tiers[1].name", Message: message})
		if f.Name != "tiers[1].name" || !reflect.DeepEqual(f, want.In(f.Name)) {
			t.Errorf("%s: %+v, not %+v", message, f, want)
		}
	}
	for _, s := range sayings {
		if s.Code == "" || s.Format == "" {
			t.Errorf("%+v", s)
		}
	}
	var body struct {
		Tiers []struct {
			Price int64 `json:"price"`
		} `json:"tiers"`
	}
	err := decode([]byte(`{"tiers":[{"price":1},{"price":"1"}]}`), &body)
	f := fieldOf(&huma.ErrorDetail{Location: "body", Message: fmt.Sprint(err)})
	if want := (errs.Field{Name: "tiers[1].price", Code: "wrong-type", Reason: "must be a whole number within range, not this string"}); !reflect.DeepEqual(f, want) {
		t.Errorf("%+v", f)
	}
}
