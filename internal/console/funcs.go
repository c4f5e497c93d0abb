package console

import (
	"html/template"
	"math"
	"reflect"
	"regexp"
	"time"

	"boxoffice/internal/codec"
)

// funcs are the additional functions of the console's templates.
var funcs = template.FuncMap{
	"add": func(list ...any) (sum int64) {
		for _, n := range list {
			sum += reflect.ValueOf(n).Int()
		}
		return sum
	},
	"inc":  func(n int) int { return n + 1 },
	"less": func(n, by int) int { return n - by },
	"list": func(list ...any) []any { return list },
	// part returns the length of a bar, up to 1000: the sold share, or with the held
	// one.
	"part": func(sold, held, free int32, withHeld int) int {
		all := float64(sold) + float64(held) + float64(free)
		if all == 0 {
			return 0
		}
		return int(math.Round(1000 * (float64(sold) + float64(withHeld)*float64(held)) / all))
	},
	// share returns the length of a bar, up to 1000, that is n of all.
	"share": func(n, all int64) int64 { return min(1000, 1000*n/max(all, 1)) },
	// there converts a time to a zone.
	"there": func(t time.Time, zone string) time.Time {
		if z, err := time.LoadLocation(zone); err == nil {
			return t.In(z)
		}
		return t
	},
	// generic returns the name of a field without the numbers in it.
	"generic":  func(field string) string { return numbered.ReplaceAllString(field, "") },
	"jsonText": func(v any) (string, error) { raw, err := codec.Marshal(v); return string(raw), err },
}

var numbered = regexp.MustCompile(`\[\d+\]`)
