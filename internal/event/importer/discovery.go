package importer

import (
	"strings"
	"time"

	"boxoffice/internal/codec"
	"boxoffice/internal/event/check"
	"boxoffice/internal/eventapi"
	"boxoffice/internal/money"
	"boxoffice/internal/safetext"
	"boxoffice/internal/seating"
)

// readDiscovery reads a page of events from the Ticketmaster Discovery API v2
// (https://developer.ticketmaster.com/products-and-docs/apis/discovery-api/v2/).
func readDiscovery(root *node, out *Batch) {
	embedded := root.at("_embedded") // absent on a page that found nothing
	if embedded.value != nil && embedded.at("events").value == nil {
		embedded.at("events").fail("is required: this is not a page of events")
	}
	zones := discoveryZones(embedded)
	for _, n := range embedded.at("events").elements(MaxEvents) {
		n.reader = &reader{strict: root.strict, clean: !root.strict}
		e := Event{Path: n.path}
		if n.value == nil {
			n.fail("must not be null")
		} else {
			discoveryEvent(n, &e, zones)
		}
		for _, left := range n.notes {
			out.Notes = append(out.Notes, Note{Path: left.Path, Title: e.New.Title, Reason: left.Reason})
		}
		switch {
		case n.fault == nil:
			out.Events = append(out.Events, e)
		case root.strict:
			root.fault = n.fault
			return
		default:
			out.Notes = append(out.Notes, e.LeftOut(n.fault.Path, n.fault.Reason))
		}
	}
}

// discoveryZones returns the time zones of a page's venues by the venues' ids. An event
// may leave out the zone when another event at the same venue has it.
func discoveryZones(embedded *node) map[string]string {
	zones := map[string]string{}
	quiet := *embedded
	quiet.reader = &reader{clean: true} // faults are reported when the event is read
	for _, n := range quiet.at("events").list(MaxEvents) {
		for _, v := range n.at("_embedded").at("venues").list(1) {
			id := v.at("id").text(200)
			for _, zone := range []string{v.at("timezone").text(64), n.at("dates").at("timezone").text(64)} {
				if id != "" && zone != "" && zones[id] == "" {
					zones[id] = zone
				}
			}
		}
	}
	return zones
}

func discoveryEvent(n *node, e *Event, zones map[string]string) {
	in := &e.New
	e.Source = "discovery:" + n.at("id").need(200)
	in.Title = strings.Join(strings.Fields(n.at("name").need(1000)), " ")
	if r := []rune(in.Title); len(r) > 200 {
		n.at("name").without("is cut to 200 characters")
		in.Title = safetext.Shown(string(r[:200]))
	}
	in.Description = strings.TrimSpace(n.at("info").description(10_000) + "\n\n" + n.at("pleaseNote").description(9_000))
	zone := discoveryVenue(n, e, zones)
	discoveryTime(n.at("dates"), e, zone)
	n.part(func() { in.EndTime, in.EndDate = nil, "" }, func(n *node) { discoveryEnd(n.at("dates").at("end"), e, zone) })
	segment, genre := discoveryClass(n)
	in.Category = segment
	in.Plan, e.Guessed = discoveryPlan(in.Venue.Name, segment, genre), true
	n.part(func() { in.SaleOpensAt, in.SaleClosesAt, in.Status = nil, nil, eventapi.Published }, func(n *node) { discoverySale(n, e) })
	n.part(func() { in.Currency, in.Tiers = "", nil }, func(n *node) { discoveryPrices(n, e) })
	attributes := map[string]string{"source": "discovery", "genre": genre, "promoter": n.at("promoter").at("name").text(500)}
	if link := n.at("url").text(2000); strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		attributes["url"] = link
	}
	in.Attributes, _ = codec.Marshal(attributes) // strings only
}

// discoveryVenue reads where an event takes place: a venue, or a place without an id.
// It returns the event's time zone, or else the venue's.
func discoveryVenue(n *node, e *Event, zones map[string]string) *time.Location {
	v := n.at("place")
	venues := n.at("_embedded").at("venues").list(100)
	switch {
	case len(venues) > 0:
		v = venues[0]
	case v.value != nil:
	default:
		n.at("_embedded").at("venues").without("names no venue and no place: the venue is to be announced")
	}
	code := v.at("country").at("countryCode")
	country := strings.ToUpper(code.text(10))
	if country != "" && !check.CountryCode(country) {
		code.without("is not an ISO 3166-1 code such as DE: %q", country)
		country = ""
	}
	e.New.Venue = eventapi.NewVenue{
		Name: strings.TrimSpace(v.at("name").text(200)), Address: strings.TrimSpace(v.at("address").at("line1").text(300)),
		City: strings.TrimSpace(v.at("city").at("name").text(100)), Country: country, TimeZone: v.at("timezone").text(64),
	}
	if e.New.Venue.Name == "" {
		e.New.Venue.Name = "Venue to be announced"
	}
	place := n.at("dates").at("timezone")
	name := place.text(64)
	if name == "" {
		name, place = e.New.Venue.TimeZone, v.at("timezone")
	}
	if id := v.at("id").text(200); name == "" && id != "" {
		name = zones[id]
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		place.fail("must be an IANA time zone, not %q", name)
		return nil
	}
	e.New.TimeZone = name
	if e.New.Venue.TimeZone == "" {
		e.New.Venue.TimeZone = name
	}
	return zone
}

// discoveryTime reads when an event begins. Unknown times stay unknown.
func discoveryTime(dates *node, e *Event, zone *time.Location) {
	start := dates.at("start")
	date, clock := start.at("localDate"), start.at("localTime")
	exact := start.at("dateTime")
	unknownDate := start.at("dateTBD").yes() || start.at("dateTBA").yes()
	if postponed(dates) {
		unknownDate = true
		if date.value != nil || exact.value != nil {
			start.without("is the date before the event was postponed: the new one is to be announced")
		}
	}
	unknownTime := start.at("timeTBA").yes() || start.at("noSpecificTime").yes()
	switch {
	case unknownDate || zone == nil:
	case !unknownTime && exact.value != nil:
		s := exact.text(40)
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			exact.fail("must be a time such as 2027-03-01T20:00:00Z, not %q", s)
			return
		}
		local := t.In(zone).Format(time.RFC3339)
		e.New.EventTime = &local
	case !unknownTime && date.value != nil && clock.value != nil:
		wall, err := time.Parse("2006-01-02T15:04:05", date.text(20)+"T"+clock.text(20))
		if err != nil {
			clock.fail("and localDate must be a date and a time, not %q %q", date.text(20), clock.text(20))
			return
		}
		t, reason := eventapi.AtWall(wall, zone)
		if !reason.None() {
			clock.fail("%s", reason.Text)
			return
		}
		local := t.Format(time.RFC3339)
		e.New.EventTime = &local
	case date.value != nil:
		s := date.text(20)
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			date.fail("must be a date such as 2027-03-01, not %q", s)
			return
		}
		e.New.EventDate = s
	}
}

// postponed reports whether an event will not be on the date that its page names.
func postponed(dates *node) bool { return dates.at("status").at("code").text(40) == "postponed" }

// discoveryEnd reads when an event ends; if it takes several days, its last day.
func discoveryEnd(end *node, e *Event, zone *time.Location) {
	if end.value == nil || zone == nil || e.New.EventTime == nil && e.New.EventDate == "" {
		return
	}
	if end.at("approximate").yes() {
		end.without("is approximate")
		return
	}
	date, clock, exact := end.at("localDate"), end.at("localTime"), end.at("dateTime")
	known := !end.at("noSpecificTime").yes()
	field := date
	switch {
	case known && exact.value != nil:
		text := exact.text(40)
		e.New.EndTime, field = &text, exact
	case known && date.value != nil && clock.value != nil:
		text := date.text(20) + "T" + clock.text(20)
		e.New.EndTime = &text
	default:
		e.New.EndDate = date.text(20)
	}
	f, ev := &check.Faults{}, check.When{TimeZone: e.New.TimeZone}
	f.When(&ev, e.New.EventTime, e.New.EventDate, zone)
	if f.Ending(&ev, e.New.EndTime, e.New.EndDate, zone); len(f.List) > 0 {
		field.fail("%s", f.List[0].Reason)
	}
}

// discoverySale reads the status and the sale window. A window that begins before 1970
// has no known beginning, so the sale is open.
func discoverySale(n *node, e *Event) {
	public := n.at("sales").at("public")
	e.New.SaleOpensAt = discoveryInstant(public.at("startDateTime"))
	closes := public.at("endDateTime")
	e.New.SaleClosesAt = discoveryInstant(closes)
	if postponed(n.at("dates")) && e.New.SaleClosesAt != nil {
		e.New.SaleClosesAt = nil
		closes.without("is when the sale ended before the event was postponed: the new end is to be announced")
	}
	if o, c := e.New.SaleOpensAt, e.New.SaleClosesAt; o != nil && c != nil && !c.After(*o) {
		public.at("endDateTime").fail("must be after startDateTime")
	}
	unknown := public.at("startTBD").yes() || public.at("startTBA").yes()
	e.New.Status = eventapi.Published
	switch code := n.at("dates").at("status").at("code").text(40); code {
	case "onsale", "rescheduled", "offsale":
		// Events are also "offsale" before their sale begins. If the page tells
		// when that is, the window decides.
		if !unknown && (code != "offsale" || e.New.SaleOpensAt != nil) {
			e.New.Status = eventapi.OnSale
		}
	case "cancelled", "canceled":
		e.Cancelled = true
	}
}

func discoveryInstant(n *node) *time.Time {
	s := n.text(40)
	if s == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		n.fail("must be a time such as 2027-03-01T20:00:00Z, not %q", s)
		return nil
	}
	if t.Before(eventapi.Earliest) {
		return nil
	}
	return &t
}

// discoveryPrices spreads a price range over the categories of the event's plan. The
// best category costs most.
func discoveryPrices(n *node, e *Event) {
	ranges := n.at("priceRanges").list(100)
	if len(ranges) == 0 {
		return
	}
	r, plain := discoveryRange(ranges)
	low, high, currency := discoveryLimits(r)
	if low < 0 {
		return // the range is empty
	}
	if high == 0 { // pages write this where they do not know the price
		r.without("is from 0 to 0: the event is not on sale until it has a price")
		return
	}
	if low == 0 { // not known either: no seats are free because a page says so
		r.without("begins at 0: the event is not on sale until all of its categories have prices")
		return
	}
	e.New.Currency = currency
	e.New.Tiers = Spread(low, high, seating.TemplateCategories(e.New.Plan.Template))
	if plain == nil {
		return
	}
	quiet := *plain // its faults do not count against the other range
	quiet.reader = &reader{clean: true}
	if least, most, same := discoveryLimits(&quiet); quiet.fault == nil && same == currency && least > 0 && least <= low && most <= high {
		for i, t := range Spread(least, most, seating.TemplateCategories(e.New.Plan.Template)) {
			e.New.Tiers[i].Fees = max(0, e.New.Tiers[i].Price-t.Price)
		}
	}
}

// discoveryRange chooses the price range with all fees, if there is one, since that is
// what buyers pay. Plain is then the range without fees, if that exists too.
func discoveryRange(ranges []*node) (r, plain *node) {
	byType := map[string]*node{}
	for _, one := range ranges {
		if kind := one.at("type").text(100); byType[kind] == nil {
			byType[kind] = one
		}
	}
	switch all, standard := byType["standard including fees"], byType["standard"]; {
	case all != nil:
		return all, standard
	case standard != nil:
		return standard, nil
	}
	return ranges[0], nil
}

// discoveryLimits are the lowest and the highest price of a range in minor units,
// -1 when it is empty.
func discoveryLimits(r *node) (low, high int64, currency string) {
	currency = r.at("currency").text(10)
	if !money.Known(currency) {
		r.at("currency").fail("must be an ISO 4217 code, not %q", currency)
		return -1, -1, ""
	}
	low, high = discoveryAmount(r.at("min"), currency), discoveryAmount(r.at("max"), currency)
	switch {
	case low < 0:
		low = high
	case high < 0:
		high = low
	case low > high:
		r.at("min").fail("must not be more than max")
	}
	return low, high, currency
}

// Spread makes a tier of each category. Prices fall evenly from high for the first
// category to low for the last one, rounded up.
func Spread(low, high int64, categories []string) []eventapi.NewTier {
	tiers := make([]eventapi.NewTier, len(categories))
	for i, name := range categories {
		price := high
		if len(categories) > 1 {
			price = high - (high-low)*int64(i)/int64(len(categories)-1)
		}
		tiers[i] = eventapi.NewTier{Name: name, Price: price, Categories: []string{name}}
	}
	return tiers
}

// discoveryAmount is a price in minor units, -1 when it is absent.
func discoveryAmount(n *node, currency string) int64 {
	if n.value == nil {
		return -1
	}
	number, ok := n.value.(codec.Number)
	if !ok {
		n.fail("must be a number")
		return -1
	}
	minor, err := money.FromDecimal(string(number), currency)
	if err != nil {
		n.fail("must be a price: %v", err)
		return -1
	}
	return minor
}

func discoveryClass(n *node) (segment, genre string) {
	classes := n.at("classifications").list(100)
	if len(classes) == 0 {
		return "", ""
	}
	return n.known(classes[0].at("segment")), n.known(classes[0].at("genre"))
}

// known is the name of a classification, "" for Undefined.
func (n *node) known(class *node) string {
	name := class.at("name").text(60)
	if name == "Undefined" {
		return ""
	}
	return name
}

// discoveryPlan guesses a plan, since the API has none: by the venue's name if that
// tells, else by the kind of event.
func discoveryPlan(venue, segment, genre string) eventapi.PlanChoice {
	name := strings.ToLower(venue)
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(name, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("theatre", "theater", "opera", "playhouse", "concert hall", "auditorium"):
		return eventapi.PlanChoice{Template: "theatre", Seats: 2_000}
	case has("club", "ballroom", "lounge", "tavern"):
		return eventapi.PlanChoice{Template: "club", Seats: 1_000}
	case has("stadium", "bowl", " park", "ballpark") || strings.HasSuffix(name, " field"):
		return eventapi.PlanChoice{Template: "stadium", Seats: 50_000}
	case segment == "Arts & Theatre":
		return eventapi.PlanChoice{Template: "theatre", Seats: 2_000}
	case genre == "Football" || genre == "Baseball" || genre == "Soccer":
		return eventapi.PlanChoice{Template: "stadium", Seats: 50_000}
	}
	return eventapi.PlanChoice{Template: "arena", Seats: 20_000}
}
