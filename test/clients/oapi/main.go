//go:build generated

// Command oapi makes a purchase by the client that oapi-codegen generates.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"boxoffice/test/clients/oapi/api"
)

func main() {
	if err := purchase(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func purchase(ctx context.Context) error {
	token := ""
	c, err := api.NewClientWithResponses(os.Getenv("BOXOFFICE_URL"), api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return nil
	}))
	if err != nil {
		return err
	}
	email := os.Getenv("BUYER")
	in, err := c.LogInWithResponse(ctx, nil, api.LogInJSONRequestBody{Email: &email, Password: os.Getenv("PASSWORD")})
	if err != nil {
		return err
	}
	if in.JSON200 == nil {
		return fmt.Errorf("log-in: %s %s", in.Status(), in.Body)
	}
	token = in.JSON200.Token
	list, err := c.ListEventsWithResponse(ctx, &api.ListEventsParams{})
	if err != nil {
		return err
	}
	if list.JSON200 == nil {
		return fmt.Errorf("events: %s %s", list.Status(), list.Body)
	}
	for _, e := range list.JSON200.Items {
		if e.Status != "on_sale" || e.AvailableSeats < 2 {
			continue
		}
		two := int64(2)
		held, err := c.HoldSeatsWithResponse(ctx, &api.HoldSeatsParams{}, api.HoldSeatsJSONRequestBody{EventId: e.Id, Quantity: &two})
		if err != nil {
			return err
		}
		if held.JSON201 == nil {
			continue // not open yet, or sold out meanwhile
		}
		return pay(ctx, c, held.JSON201)
	}
	return fmt.Errorf("no event is on sale")
}

func pay(ctx context.Context, c *api.ClientWithResponses, b *api.Booking) error {
	method := "tok_ok"
	paid, err := c.PayWithResponse(ctx, nil, api.PayJSONRequestBody{BookingId: b.Id, Method: &method})
	if err != nil {
		return err
	}
	if paid.JSON201 == nil || paid.JSON201.Status != "captured" {
		return fmt.Errorf("payment: %s %s", paid.Status(), paid.Body)
	}
	tickets, err := c.ListTicketsWithResponse(ctx, b.Id, nil)
	if err != nil {
		return err
	}
	if tickets.JSON200 == nil || len(tickets.JSON200.Items) != 2 {
		return fmt.Errorf("tickets: %s %s", tickets.Status(), tickets.Body)
	}
	if _, err := c.LogOutWithResponse(ctx); err != nil {
		return err
	}
	fmt.Println("booked", b.Reference)
	return nil
}
