package gateway

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// schemaNames names the schemas whose Go types have other names, or none. Generated
// clients use these names for their types.
var schemaNames = map[string]string{
	"paymentapi.Payment": "Payment", "paymentapi.Step": "PaymentStep", "payment.PageResponseBody": "PaymentPage",
	"paymentapi.PayRequest": "NewPayment", "payment.AmendInputBody": "PaymentUpdate",
	"shop.TicketBody": "Ticket", "shop.TicketList": "TicketList", "booking.BookingBody": "Booking", "booking.SeatBody": "BookedSeat", "bookingapi.HoldRequest": "NewBooking", "bookingapi.Selection": "BookingUpdate",
	"booking.SeatsBody": "NewBlock", "booking.ComplimentaryBody": "NewGift", "booking.SummaryBody": "SeatSummary", "booking.SectionBody": "SectionSeats",
	"booking.CompactBody": "SeatCodes", "booking.EntryBody": "LedgerEntry",
	"event.EventBody": "Event", "eventapi.Update": "EventUpdate", "eventapi.Change": "EventChange", "event.PlanBody": "Plan", "booking.TierBody": "SectionTier",
	"eventapi.PlanChoice": "NewPlan",
	"user.UserBody":       "User", "user.SignUpInBody": "NewUser", "user.UpdateInBody": "UserUpdate", "user.SessionBody": "NewSession", "user.LoginInBody": "Login",
	"user.SessionsOutBody": "SessionList", "user.GuestInBody": "NewGuest", "user.GuestCodeInBody": "GuestCode", "user.VerifyInBody": "VerificationToken",
	"user.ForgotInBody": "PasswordReset", "user.ResetInBody": "NewPassword", "user.BeginInBody": "TwoFactorStart", "user.ConfirmInBody": "TwoFactorCode",
	"user.SecretOutBody": "TwoFactorSecret", "user.RecoveryOutBody": "RecoveryCodes",
	"webhook.WebhookBody": "Webhook", "webhook.DeliveryBody": "WebhookDelivery",
}

// schemaName names the schema of a type.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	room := t.PkgPath()
	room = room[strings.LastIndexByte(room, '/')+1:]
	if better := schemaNames[room+"."+name]; better != "" {
		return better
	}
	if t.Name() == "" { // a body of an unnamed type: only the hint is left
		for at, better := range schemaNames {
			if _, last, _ := strings.Cut(at, "."); last == name {
				return better
			}
		}
	}
	return name
}
