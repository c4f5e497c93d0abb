package gateway

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// word is what a field or parameter of a name means, wherever it occurs and says
// nothing of its own.
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
	"accessible":         {"It can be reached and used with a wheelchair.", true},
	"address":            {"Street and number.", "Theaterplatz 1"},
	"amount":             {minorUnit, 9800},
	"at":                 {"When it happened, UTC.", aTime},
	"attributes":         {"Any JSON object up to 32 KiB.", map[string]any{"doors": "19:00"}},
	"booking_id":         {"The booking.", aBooking},
	"booking_time":       {"When the seats were first held, UTC.", aTime},
	"capacity":           {"Places in a general-admission area.", 400},
	"categories":         {"The plan's categories, each with a name of its own.", nil},
	"category":           {"Genre of the event, such as Music or Theatre.", "Music"},
	"city":               {"The venue's city.", "Vienna"},
	"color":              {"CSS color of the category's seats on the map.", "#2563eb"},
	"count":              {"How many.", 12},
	"created_at":         {"When it was made, UTC.", aTime},
	"currency":           {"ISO 4217 code.", "EUR"},
	"cursor":             {"next_cursor of the page before.", anID},
	"description":        {"About the event, in plain text.", "Twelve violins, one night."},
	"detail":             {"A sentence for a person.", "quantity must be at least 1."},
	"event_id":           {"The event.", anID},
	"expires_at":         {"When it ends, UTC.", "2026-12-01T09:08:00Z"},
	"fees":               {"Part of the price that is fees and tax, in minor units.", 541},
	"fields":             {"The inputs at fault.", nil},
	"first":              {"Ordinal of the first seat.", 0},
	"form":               {"compact: one character a seat.", "compact"},
	"general_admission":  {"Places without rows, chosen for the buyer.", false},
	"hash":               {"SHA-256, hex.", aHash},
	"height":             {"Size of the drawing, in its own units.", 1400},
	"hold_minutes":       {"How long seats are held.", 8},
	"id":                 {"Id of the thing.", anID},
	"items":              {"The page's entries.", nil},
	"kind":               {"What happened.", "booked"},
	"label":              {"The seat, unique in the plan.", aLabel},
	"limit":              {"How many items a page has at most.", 50},
	"limit_per_customer": {"Live seats that one customer may have.", 8},
	"link":               {"Signed path to the booking.", "/bookings/" + aBooking + "?token=…"},
	"method":             {"Token of the payment gateway, never a card number.", "tok_ok"},
	"name":               {"Name for people.", "Stalls"},
	"next_cursor":        {"Pass it as cursor for the next page; absent on the last one.", anID},
	"number":             {"Number of the seat within its row.", "12"},
	"organizer":          {"Account of the organizer.", anID},
	"outline":            {"The section's edge, as a polygon.", nil},
	"payment_id":         {"The payment.", aBooking + "-1"},
	"price":              {"All-in price of a seat, in minor units.", 6500},
	"public_key":         {"Ed25519, hex.", aHash},
	"quantity":           {"Number of seats; the best free ones are chosen.", 2},
	"reason":             {"The reason.", "must be at least 1"},
	"refundable_until":   {"Until when buyers can cancel for a refund.", "2027-02-22T19:00:00Z"},
	"refunded":           {"Refunded so far, in minor units.", 0},
	"request_id":         {"Identifies the request in our log.", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"},
	"restricted_view":    {"Whether the view of the stage is restricted.", false},
	"row":                {"Label of the row; absent in general admission.", "A"},
	"rows":               {"From the front to the back.", nil},
	"sale":               {"State of the sale, as JSON.", "{\"status\":\"on_sale\"}"},
	"sale_closes_at":     {"When the sale ends.", "2027-03-01T19:00:00Z"},
	"sale_opens_at":      {"When the sale begins.", aTime},
	"seat_number":        {"Label of the first seat.", aLabel},
	"seats":              {"Seats, by label or ordinal.", nil},
	"section":            {"Id of the section.", "101"},
	"sections":           {"Parts of the plan.", nil},
	"seq":                {"Version of the event's ledger.", 42},
	"signature":          {"Ed25519 over the checkpoint, hex.", aHash + aHash},
	"status":             {"The current state.", nil},
	"tier":               {"Price tier.", "Stalls"},
	"tiers":              {"Prices by section or category.", nil},
	"token":              {"An unguessable secret.", "0123456789abcdefghjkmnpqrs"},
	"until":              {"End of the hold, UTC.", "2026-12-01T09:08:00Z"},
	"user_id":            {"The account.", anID},
	"version":            {"Grows with each change.", 1},
	"width":              {"Size of the drawing, in its own units.", 1600},
	"x":                  {"Grows to the right, in the drawing's units.", 640.5},
	"y":                  {"Grows downwards, in the drawing's units.", 320},

	"current_password": {"The account's current password.", "velvet curtain"},
	"email":            {"Email address; case does not matter.", "fan@example.org"},
	"field":            {"What has changed.", nil},
	"password":         {"8 characters or more.", "velvet curtain"},
	"role":             {"What the account may do: customers buy, organizers run their own events, admins do everything. Organizers and admins who lack a required second factor have the rights of customers.", nil},
	"template":         {"Shape of a generated plan.", nil},
	"username":         {"Another name to log in with: 3 to 32 of a-z, 0-9, dot, dash and underscore.", "robin"},

	"Authorization":      {"Bearer, a space, and the token of a session.", "Bearer 0123456789abcdefghjkmnpqrs"},
	"Idempotency-Key":    {"Makes it safe to repeat the request.", "3f1c9a7e-5a55-4c55-9f2c-1f2f3f4f5f6f"},
	"If-Match":           {"ETag of the version that you have read: the change is refused if there is a newer one.", "\"3\""},
	"User-Agent":         {"The client program, for the list of sessions.", "curl/8.5.0"},
	"after":              {"Above this version of the ledger.", 41},
	"session_id":         {"The session.", "0f1e2d3c4b5a6978"},
	"from":               {"Begin of the period.", "2027-01-01T00:00:00Z"},
	"to":                 {"End of the period.", "2027-12-31T00:00:00Z"},
	"q":                  {"Words to look for.", "violins"},
	"X-Code":             {"A code of the authenticator app.", "123456"},
	"X-Current-Password": {"The account's password.", "velvet curtain"},
}

// particular is what a field means in one schema, where the vocabulary's meaning
// does not fit or says too little.
var particular = map[string]word{
	"Booking.id":               {"The booking: the event's id and 20 characters more.", aBooking},
	"Booking.seats":            {"The seats, in the order of the plan.", nil},
	"Booking.status":           {"pending: held. booked: paid. cancelled, expired: over.", nil},
	"BookedSeat.label":         {"The seat, unique in the plan.", aLabel},
	"Category.name":            {"Name of the category; price tiers name categories.", "Stalls"},
	"Event.id":                 {"The event.", anID},
	"Event.status":             {"draft: only its organizer sees it. published: announced, not on sale. on_sale. cancelled. past.", nil},
	"Event.tiers":              {"Prices by section or category; empty: not priced yet.", nil},
	"Event.title":              {"Title of the event.", "Night of the Violins"},
	"EventUpdate.status":       {"draft, published or on_sale; cancelling is DELETE.", nil},
	"EventUpdate.title":        {"Title of the event.", "Night of the Violins"},
	"Field.name":               {"The invalid input, named as in the request.", "seats[2]"},
	"Guest.name":               {"The guest's name.", "Robin Fan"},
	"NewEvent.title":           {"Title of the event.", "Night of the Violins"},
	"NewGuest.name":            {"The guest's name.", "Robin Fan"},
	"NewTier.name":             {"Name of the price, as buyers read it.", "Stalls"},
	"NewUser.name":             {"The person's name, as tickets show it.", "Robin Fan"},
	"NewVenue.name":            {"Name of the place.", "Old Town Theatre"},
	"NewPlan.id":               {"A stored plan.", anID},
	"Payment.reason":           {"Why it failed or was voided.", "declined"},
	"Payment.id":               {"Booking id, a dash, and the number of the attempt.", aBooking + "-1"},
	"Plan.height":              {"Size of the drawing, in its own units.", 1400},
	"Plan.id":                  {"The plan.", anID},
	"Plan.name":                {"Name of the plan.", "Main hall"},
	"PlanDocument.name":        {"Name of the plan.", "Main hall"},
	"PlanRef.id":               {"The plan.", anID},
	"Problem.title":            {"What the status means.", "Unprocessable Entity"},
	"Row.label":                {"Name of the row for people.", "A"},
	"Row.first":                {"Ordinal of its first seat.", 0},
	"Row.count":                {"How many seats it has.", 12},
	"RowDocument.label":        {"Name of the row for people.", "A"},
	"RowDocument.seats":        {"From one end of the row to the other.", nil},
	"SeatDocument.category":    {"One of the plan's categories.", "Stalls"},
	"SeatDocument.x":           {"Grows to the right, in the drawing's units.", 640.5},
	"SeatStatus.label":         {"The seat, unique in the plan.", aLabel},
	"SeatStatus.status":        {"free, held (by anybody) or sold.", nil},
	"SeatSummary.sections":     {"In the order of the plan.", nil},
	"Section.id":               {"Unique in the plan.", "101"},
	"Section.name":             {"Name of the section for people.", "Stalls left"},
	"Section.count":            {"How many seats it has.", 240},
	"SectionDocument.category": {"Category of its seats, unless they say otherwise.", "Stalls"},
	"SectionDocument.id":       {"Begins the labels of its seats, as in 101-A-12.", "101"},
	"SectionDocument.name":     {"Name of the section for people.", "Stalls left"},
	"SectionSeats.seats":       {"In the order of the plan.", nil},
	"SectionSummary.free":      {"Seats that are free.", 120},
	"SectionSummary.held":      {"Seats that are held, not paid yet.", 14},
	"SectionSummary.id":        {"Id of the section.", "101"},
	"SectionSummary.name":      {"Name of the section for people.", "Stalls left"},
	"SectionSummary.sold":      {"Seats that are sold or blocked.", 106},
	"SectionSummary.tiers":     {"Prices of its seats.", nil},
	"SectionSummary.total":     {"All seats of the section.", 240},
	"Shape.height":             {"Of a rectangle or an ellipse.", 120},
	"Shape.kind":               {"What is drawn.", nil},
	"Shape.rotation":           {"Degrees, clockwise around x, y.", 15.0},
	"Shape.text":               {"Text that is written on it.", "Stage"},
	"Shape.width":              {"Of a rectangle or an ellipse.", 480},
	"Shape.y":                  {"Grows downwards, in the drawing's units.", 320},
	"PaymentStep.status":       {"The new state of the payment.", nil},
	"Tier.name":                {"Name of the price, as buyers read it.", "Stalls"},
	"SectionTier.id":           {"Names the tier within its event.", "t1"},
	"SectionTier.name":         {"Name of the price, as buyers read it.", "Stalls"},
	"User.id":                  {"The account.", anID},
	"User.name":                {"The person's name, as tickets show it.", "Robin Fan"},
	"UserUpdate.name":          {"The person's name, as tickets show it.", "Robin Fan"},
	"Venue.id":                 {"Id of the venue.", anID},
	"Venue.name":               {"Name of the place.", "Old Town Theatre"},
}

// explainSchema fills in what a schema's fields do not say of themselves.
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

// named describes the parameter id of a path, by the path's first segment.
var named = map[string]word{
	"bookings": {"The booking.", aBooking},
	"events":   {"The event.", anID},
	"payments": {"The payment: its booking's id, a dash, and the number of the attempt.", aBooking + "-1"},
	"users":    {"The account.", anID},
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

// fits reports whether an example is of a schema's type.
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
