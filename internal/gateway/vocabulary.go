package gateway

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// word is the meaning of a field or parameter name, used wherever a field has no
// description of its own.
type word struct {
	doc     string
	example any
}

const (
	anID      = "06a1b2c3d4e5f6g7"
	aBooking  = anID + "0123456789abcdefghjk"
	aTime     = "2026-12-01T09:00:00Z"
	aHash     = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	aLabel    = "101-A-12"
	minorUnit = "In minor units of the currency."
)

var vocabulary = map[string]word{
	"accessible":         {"Whether the seat can be used with a wheelchair.", true},
	"address":            {"Street and number.", "Theaterplatz 1"},
	"amount":             {minorUnit, 9800},
	"at":                 {"When it happened (RFC 3339, UTC).", aTime},
	"attributes":         {"Any JSON object of up to 32 KiB.", map[string]any{"doors": "19:00"}},
	"booking_id":         {"Id of the booking.", aBooking},
	"booking_time":       {"When the seats were first held (RFC 3339, UTC).", aTime},
	"capacity":           {"Number of places in the general-admission area.", 400},
	"categories":         {"The plan's categories. Their names are unique.", nil},
	"category":           {"Genre of the event, such as Music or Theatre.", "Music"},
	"city":               {"City of the venue.", "Vienna"},
	"color":              {"CSS color of the category's seats on the map.", "#2563eb"},
	"count":              {"Number of items.", 12},
	"created_at":         {"When it was created (RFC 3339, UTC).", aTime},
	"currency":           {"ISO 4217 code.", "EUR"},
	"cursor":             {"next_cursor of the previous page.", anID},
	"description":        {"Description of the event, in plain text.", "Twelve violins, one night."},
	"detail":             {"Explanation for people, in English.", "quantity must be at least 1."},
	"event_id":           {"Id of the event.", anID},
	"expires_at":         {"When it ends (RFC 3339, UTC).", "2026-12-01T09:08:00Z"},
	"fees":               {"Part of the price that is fees and tax, in minor units.", 541},
	"fields":             {"The invalid inputs.", nil},
	"first":              {"Ordinal of the first seat.", 0},
	"form":               {"compact: one character per seat.", "compact"},
	"general_admission":  {"Whether the section is a general-admission area: places without rows, which are assigned automatically.", false},
	"hash":               {"SHA-256, in hexadecimal.", aHash},
	"height":             {"Size of the drawing, in units of its own.", 1400},
	"hold_minutes":       {"How long seats are held, in minutes.", 8},
	"id":                 {"Id.", anID},
	"items":              {"The entries of this page.", nil},
	"kind":               {"What happened to the seats: held, extended (the hold), booked, expired, released, cancelled or swapped (to other seats; without until, a booking that is sold); or sale: the state of the sale changed.", "booked"},
	"label":              {"Label of the seat, unique in the plan.", aLabel},
	"limit":              {"Maximum number of items per page.", 50},
	"limit_per_customer": {"Maximum number of held and booked seats per customer.", 8},
	"link":               {"Signed path to the booking.", "/bookings/" + aBooking + "?token=…"},
	"method":             {"Token of the payment gateway, never a card number.", "checkout"},
	"name":               {"Name for people.", "Stalls"},
	"next_cursor":        {"Pass it as cursor to get the next page. Absent on the last page.", anID},
	"number":             {"Number of the seat within its row.", "12"},
	"organizer":          {"Id of the organizer's account.", anID},
	"outline":            {"Outline of the section: the corners of a polygon, in the drawing's units.", nil},
	"payment_id":         {"Id of the payment.", aBooking + "-1"},
	"price":              {"All-in price of a seat, in minor units of the currency.", 6500},
	"public_key":         {"Ed25519 public key, in hexadecimal.", aHash},
	"quantity":           {"Number of seats; the best free ones are chosen.", 2},
	"reason":             {"Why the input is invalid: a phrase that follows the field's name.", "must be at least 1"},
	"refundable_until":   {"Until when buyers can cancel (RFC 3339).", "2027-02-22T19:00:00Z"},
	"refunded":           {"Amount refunded so far, in minor units of the currency.", 0},
	"request_id":         {"Id of the request in the server's log.", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"},
	"restricted_view":    {"Whether the view of the stage is restricted.", false},
	"row":                {"Label of the row; absent in general admission.", "A"},
	"rows":               {"The rows, from the front to the back.", nil},
	"sale":               {"State of the sale, as JSON.", "{\"status\":\"on_sale\"}"},
	"sale_closes_at":     {"When the sale closes (RFC 3339).", "2027-03-01T19:00:00Z"},
	"sale_opens_at":      {"When the sale opens (RFC 3339).", aTime},
	"seat_number":        {"Label of the first seat.", aLabel},
	"seats":              {"Seats, by label or ordinal.", nil},
	"section":            {"Id of the section.", "101"},
	"sections":           {"The sections of the plan.", nil},
	"seq":                {"Version of the event's ledger.", 42},
	"signature":          {"Ed25519 signature of the checkpoint, in hexadecimal.", aHash + aHash},
	"status":             {"The current state.", nil},
	"tier":               {"Name of the price tier.", "Stalls"},
	"tiers":              {"Prices by section or category.", nil},
	"token":              {"An unguessable secret.", "0123456789abcdefghjkmnpqrs"},
	"until":              {"When the hold ends (RFC 3339, UTC).", "2026-12-01T09:08:00Z"},
	"user_id":            {"Id of the account.", anID},
	"version":            {"Number that grows with each change.", 1},
	"width":              {"Size of the drawing, in units of its own.", 1600},
	"x":                  {"Horizontal position in the drawing's units, growing to the right.", 640.5},
	"y":                  {"Vertical position in the drawing's units, growing downwards.", 320},

	"current_password": {"The account's current password.", "velvet curtain"},
	"email":            {"Email address. Case is ignored.", "fan@example.org"},
	"field":            {"What changed: event_time, end_time or venue.", nil},
	"password":         {"The password, at least 8 characters.", "velvet curtain"},
	"role":             {"What the account can do: customers buy, organizers also run their own events, admins can do everything. Organizers and admins without a required second factor only have the rights of customers.", nil},
	"template":         {"Kind of venue to generate a plan for.", nil},
	"username":         {"A name to sign in with, instead of the email address: 3 to 32 of a-z, 0-9, dot, dash and underscore.", "robin"},

	"Authorization":      {"Bearer, a space, and the token of a session.", "Bearer 0123456789abcdefghjkmnpqrs"},
	"Idempotency-Key":    {"Makes it safe to repeat the request.", "3f1c9a7e-5a55-4c55-9f2c-1f2f3f4f5f6f"},
	"If-Match":           {"ETag of the version that you last read. If there is a newer one, the answer is 412.", "\"3\""},
	"User-Agent":         {"The client's name, which is shown in the list of sessions.", "curl/8.5.0"},
	"after":              {"Only entries with a higher seq.", 41},
	"session_id":         {"Id of the session, from the list of sessions.", "0f1e2d3c4b5a6978"},
	"from":               {"Beginning of the period (RFC 3339).", "2027-01-01T00:00:00Z"},
	"to":                 {"End of the period (RFC 3339).", "2027-12-31T00:00:00Z"},
	"q":                  {"Words to look for.", "violins"},
	"X-Code":             {"A current code of the authenticator app.", "123456"},
	"X-Current-Password": {"The account's current password.", "velvet curtain"},
}

// particular holds the meanings of fields in single schemas, where the general word
// does not fit or says too little.
var particular = map[string]word{
	"Booking.id":               {"Id of the booking: the event's id followed by 20 more characters.", aBooking},
	"Booking.seats":            {"The seats, in the order of the plan.", nil},
	"Booking.status":           {"pending: held, not paid yet. booked: paid. cancelled: released before payment, or cancelled after it. expired: the hold ended without payment.", nil},
	"BookedSeat.label":         {"Label of the seat, unique in the plan.", aLabel},
	"Category.name":            {"Name of the category. Price tiers refer to it.", "Stalls"},
	"Event.id":                 {"Id of the event.", anID},
	"Event.status":             {"draft: visible to its organizer and admins only. published: announced, but not on sale. on_sale: on sale, within the times of the sale. cancelled: cancelled for good. past: the event is over.", nil},
	"Event.tiers":              {"Prices by section or category. Empty: there are no prices yet.", nil},
	"Event.title":              {"Title of the event.", "Night of the Violins"},
	"EventUpdate.status":       {"draft, published or on_sale. To cancel an event, use DELETE.", nil},
	"EventUpdate.title":        {"Title of the event.", "Night of the Violins"},
	"Field.name":               {"The invalid input, named as in the request.", "seats[2]"},
	"Guest.name":               {"The guest's name.", "Robin Fan"},
	"NewEvent.title":           {"Title of the event.", "Night of the Violins"},
	"NewGuest.name":            {"The guest's name.", "Robin Fan"},
	"NewTier.name":             {"Name of the price tier, as buyers see it.", "Stalls"},
	"NewUser.name":             {"The person's name, as it is printed on tickets.", "Robin Fan"},
	"NewVenue.name":            {"Name of the venue.", "Old Town Theatre"},
	"NewPlan.id":               {"Id of a stored plan.", anID},
	"Payment.reason":           {"Why the payment failed or was voided.", "declined"},
	"Payment.id":               {"Id of the payment: the booking's id, a dash, and the number of the attempt.", aBooking + "-1"},
	"Plan.height":              {"Size of the drawing, in units of its own.", 1400},
	"Plan.id":                  {"Id of the plan.", anID},
	"Plan.name":                {"Name of the plan.", "Main hall"},
	"PlanDocument.name":        {"Name of the plan.", "Main hall"},
	"PlanRef.id":               {"Id of the plan.", anID},
	"Problem.title":            {"The name of the HTTP status.", "Unprocessable Entity"},
	"Row.label":                {"Label of the row.", "A"},
	"Row.first":                {"Ordinal of the first seat.", 0},
	"Row.count":                {"Number of seats.", 12},
	"RowDocument.label":        {"Label of the row.", "A"},
	"RowDocument.seats":        {"The seats, from one end of the row to the other.", nil},
	"SeatDocument.category":    {"Name of one of the plan's categories.", "Stalls"},
	"SeatDocument.x":           {"Horizontal position in the drawing's units, growing to the right.", 640.5},
	"SeatStatus.label":         {"Label of the seat, unique in the plan.", aLabel},
	"SeatStatus.status":        {"free, held (by anybody) or sold. Blocked seats are shown as sold.", nil},
	"SeatSummary.sections":     {"The sections, in the order of the plan.", nil},
	"Section.id":               {"Id of the section, unique in the plan.", "101"},
	"Section.name":             {"Name of the section, as buyers see it.", "Stalls left"},
	"Section.count":            {"Number of seats.", 240},
	"SectionDocument.category": {"Name of the category of the section's seats, unless a seat has its own.", "Stalls"},
	"SectionDocument.id":       {"Id of the section. The labels of its seats begin with it, as in 101-A-12.", "101"},
	"SectionDocument.name":     {"Name of the section, as buyers see it.", "Stalls left"},
	"SectionSeats.seats":       {"The seats, in the order of the plan.", nil},
	"SectionSummary.free":      {"Number of seats that are free.", 120},
	"SectionSummary.held":      {"Number of seats that are held, but not paid yet.", 14},
	"SectionSummary.id":        {"Id of the section.", "101"},
	"SectionSummary.name":      {"Name of the section, as buyers see it.", "Stalls left"},
	"SectionSummary.sold":      {"Number of seats that are sold or blocked.", 106},
	"SectionSummary.tiers":     {"Price tiers of the section's seats.", nil},
	"SectionSummary.total":     {"Number of all seats in the section.", 240},
	"Shape.height":             {"Size of a rectangle or an ellipse, in the drawing's units.", 120},
	"Shape.kind":               {"Kind of shape.", nil},
	"Shape.rotation":           {"Rotation around x, y, clockwise, in degrees.", 15.0},
	"Shape.text":               {"Text that is drawn on the shape.", "Stage"},
	"Shape.width":              {"Size of a rectangle or an ellipse, in the drawing's units.", 480},
	"Shape.y":                  {"Vertical position in the drawing's units, growing downwards.", 320},
	"PaymentStep.status":       {"The new state of the payment, or what happened to its money: partly_refunded, refunded_elsewhere, refund_failed, taken_otherwise, excess_returned, excess_failed, disputed, dispute_won, dispute_lost.", nil},
	"Tier.name":                {"Name of the price tier, as buyers see it.", "Stalls"},
	"SectionTier.id":           {"Id of the tier, unique within the event.", "t1"},
	"SectionTier.name":         {"Name of the price tier, as buyers see it.", "Stalls"},
	"User.id":                  {"Id of the account.", anID},
	"User.name":                {"The person's name, as it is printed on tickets.", "Robin Fan"},
	"UserUpdate.name":          {"The person's name, as it is printed on tickets.", "Robin Fan"},
	"Venue.id":                 {"Id of the venue.", anID},
	"Venue.name":               {"Name of the venue.", "Old Town Theatre"},
}

// explainSchema adds missing descriptions to a schema's fields.
func explainSchema(schema string, s *huma.Schema) {
	for name, field := range s.Properties {
		w, ok := particular[schema+"."+name]
		if !ok {
			w, ok = vocabulary[name]
		}
		if !ok || field.Ref != "" {
			continue
		}
		if field.Description == "" {
			field.Description = w.doc
		}
		if len(field.Examples) > 0 || len(field.Enum) > 0 || w.example == nil || !fits(field, w.example) {
			continue
		}
		field.Examples = []any{w.example}
	}
}

// named describes the path parameter id, by the first segment of the path.
var named = map[string]word{
	"bookings": {"Id of the booking.", aBooking},
	"events":   {"Id of the event.", anID},
	"payments": {"Id of the payment: the booking's id, a dash, and the number of the attempt.", aBooking + "-1"},
	"users":    {"Id of the account.", anID},
	"webhooks": {"Id of the webhook.", anID},
}

// explainParam does the same for a parameter of an operation.
func explainParam(op *huma.Operation, p *huma.Param) {
	if p.Schema == nil {
		return
	}
	if p.In == "path" && p.Name == "id" {
		root, _, _ := strings.Cut(strings.TrimPrefix(op.Path, "/"), "/")
		if w := named[root]; w.doc != "" {
			p.Description, p.Example, p.Schema.Examples = w.doc, w.example, nil
		}
		return
	}
	if p.Description == "" {
		p.Description = p.Schema.Description
	}
	w := vocabulary[p.Name]
	if p.Description == "" {
		p.Description = w.doc
	}
	if p.Example == nil && len(p.Schema.Examples) == 0 && len(p.Schema.Enum) == 0 && w.example != nil && fits(p.Schema, w.example) {
		p.Example = w.example
	}
}

// fits reports whether an example has a schema's type.
func fits(s *huma.Schema, example any) bool {
	switch example.(type) {
	case string:
		return s.Type == huma.TypeString
	case int:
		return s.Type == huma.TypeInteger || s.Type == huma.TypeNumber
	case float64:
		return s.Type == huma.TypeNumber
	case bool:
		return s.Type == huma.TypeBoolean
	}
	return s.Type == huma.TypeObject || s.Type == ""
}
