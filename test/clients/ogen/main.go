//go:build generated

// Command ogen makes a purchase by the client that ogen generates.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/ogen-go/ogen/ogenerrors"

	"boxoffice/test/clients/ogen/api"
)

// session is the token of the log-in; "" before it.
type session struct{ token string }

func (s *session) Session(context.Context, api.OperationName) (api.Session, error) {
	return api.Session{Token: s.token}, nil
}

// Device is of check-in devices, and this client is none.
func (s *session) Device(context.Context, api.OperationName) (api.Device, error) {
	return api.Device{}, ogenerrors.ErrSkipClientSecurity
}

func main() {
	if err := purchase(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func purchase(ctx context.Context) error {
	s := &session{}
	c, err := api.NewClient(os.Getenv("BOXOFFICE_URL"), s)
	if err != nil {
		return err
	}
	in, err := c.LogIn(ctx, &api.Login{Email: api.NewOptString(os.Getenv("BUYER")), Password: os.Getenv("PASSWORD")}, api.LogInParams{})
	if err != nil {
		return err
	}
	opened, ok := in.(*api.NewSession)
	if !ok {
		return fmt.Errorf("log-in: %T", in)
	}
	s.token = opened.Token
	list, err := c.ListEvents(ctx, api.ListEventsParams{})
	if err != nil {
		return err
	}
	page, ok := list.(*api.EventPageHeaders)
	if !ok {
		return fmt.Errorf("events: %T", list)
	}
	for _, e := range page.Response.Items {
		if e.Status != api.EventStatusOnSale || e.AvailableSeats < 2 {
			continue
		}
		held, err := c.HoldSeats(ctx, &api.NewBooking{EventID: e.ID, Quantity: api.NewOptInt64(2)}, api.HoldSeatsParams{IdempotencyKey: api.NewOptString("ogen-" + e.ID)})
		if err != nil {
			return err
		}
		booking, ok := held.(*api.BookingHeaders)
		if !ok {
			continue // not open yet, or sold out meanwhile
		}
		return pay(ctx, c, &booking.Response)
	}
	return fmt.Errorf("no event is on sale")
}

func pay(ctx context.Context, c *api.Client, b *api.Booking) error {
	paid, err := c.Pay(ctx, &api.NewPayment{BookingID: b.ID, Method: api.NewOptString("tok_ok")}, api.PayParams{})
	if err != nil {
		return err
	}
	p, ok := paid.(*api.PayCreatedHeaders)
	if !ok || p.Response.Status != api.PaymentStatusCaptured {
		return fmt.Errorf("payment: %T %+v", paid, paid)
	}
	tickets, err := c.ListTickets(ctx, api.ListTicketsParams{ID: b.ID})
	if err != nil {
		return err
	}
	if list, ok := tickets.(*api.TicketList); !ok || len(list.Items) != 2 {
		return fmt.Errorf("tickets: %T %+v", tickets, tickets)
	}
	if _, err := c.LogOut(ctx); err != nil {
		return err
	}
	fmt.Println("booked", b.Reference)
	return nil
}
