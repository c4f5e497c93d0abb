package locale

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/bojanz/currency"
	"github.com/goodsign/monday"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"boxoffice/internal/money"
)

// layout is how a language writes dates, as layouts of package time.
type layout struct {
	locale                       monday.Locale
	long, short, day, date, hour string
	month                        string
}

var layouts = map[string]layout{
	"en": {monday.LocaleEnGB, "Monday 2 January 2006, 15:04", "Mon 2 Jan, 15:04", "Monday 2 January 2006", "2 Jan 2006", "15:04", "Jan"},
	"de": {monday.LocaleDeDE, "Monday, 2. January 2006, 15:04\u00a0Uhr", "Mon, 2. January, 15:04\u00a0Uhr", "Monday, 2. January 2006", "2.1.2006", "15:04\u00a0Uhr", "Jan"},
}

// Forms in which a time can be written.
const (
	Long   = "long"   // day, date and time of day
	Short  = "short"  // the same for a list; without the year
	Day    = "day"    // day and date
	Date   = "date"   // date only
	Hour   = "hour"   // time of day only
	Clock  = "clock"  // time of day with its zone
	Full   = "full"   // day, date, time of day and its zone
	Listed = "listed" // Short with its zone
	Month  = "month"  // its short name
)

// When formats a time, in its own zone, in the style of a language.
func When(lang string, t time.Time, form string) string {
	switch form {
	case Clock:
		return zoned(lang, When(lang, t, Hour), t)
	case Full:
		return zoned(lang, When(lang, t, Long), t)
	case Listed:
		return zoned(lang, When(lang, t, Short), t)
	}
	l := layouts[lang]
	text := map[string]string{Long: l.long, Short: l.short, Day: l.day, Date: l.date, Hour: l.hour, Month: l.month}[form]
	return monday.Format(t, text, l.locale)
}

// zoned adds a time's zone to its text.
func zoned(lang, text string, t time.Time) string {
	if lang == "de" { // 19:30 Uhr (MEZ)
		return text + " (" + Zone(lang, t) + ")"
	}
	return text + " " + Zone(lang, t)
}

// zonesInGerman maps zone names to the German ones.
var zonesInGerman = map[string]string{"CET": "MEZ", "CEST": "MESZ", "WET": "WEZ", "WEST": "WESZ", "EET": "OEZ", "EEST": "OESZ"}

// Zone returns the short name of a time's zone. Zones without a name are shown by
// their offset from UTC.
func Zone(lang string, t time.Time) string {
	name, _ := t.Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	if own := zonesInGerman[name]; lang == "de" && own != "" {
		return own
	}
	return name
}

var formatters sync.Map // language → *currency.Formatter

// Money formats an amount in minor units of a currency.
func Money(lang string, minor int64, code string) string {
	a, err := currency.NewAmountFromInt64(minor, code)
	if err != nil {
		return money.Format(minor, code)
	}
	f, ok := formatters.Load(lang)
	if !ok {
		made := currency.NewFormatter(currency.NewLocale(lang))
		made.MinDigits = currency.DefaultDigits
		f, _ = formatters.LoadOrStore(lang, made)
	}
	return f.(*currency.Formatter).Format(a)
}

// Number formats a whole number with separators, and other values as they are.
func Number(lang string, n any) string {
	switch n.(type) {
	case int, int32, int64:
		return message.NewPrinter(language.Make(lang)).Sprint(number.Decimal(n))
	}
	return fmt.Sprint(n)
}
