package commands

import (
	"context"
	"io"
	"log/slog"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/settings"
	"boxoffice/internal/userapi"
)

// makingFans makes accounts with sessions, for a rehearsal: an organizer and so
// many customers, as lines of JSON.
type makingFans struct {
	Customers int
	Mailed    bool // customers have addresses
}

func (m *makingFans) Do(ctx context.Context, s *Services, out io.Writer) error {
	for _, kind := range []struct {
		n    int
		role caller.Role
	}{{1, caller.Organizer}, {m.Customers, caller.Customer}} {
		fans, err := s.Accounts.CreateFans(ctx, kind.n, kind.role, m.Mailed && kind.role == caller.Customer)
		if err != nil {
			return err
		}
		for _, f := range fans {
			if err := codec.Write(out, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// Fans has the accounts of a rehearsal made: the organizer, then the customers, who have
// email addresses if mailed is set.
func (o Office) Fans(ctx context.Context, s settings.Storage, customers int, mailed bool) ([]userapi.Fan, error) {
	r, w := io.Pipe()
	go func() {
		w.CloseWithError(o.perform(ctx, s, "fans", &makingFans{customers, mailed}, w, slog.New(slog.DiscardHandler)))
	}()
	fans := make([]userapi.Fan, 0, customers+1)
	for from := codec.NewDecoder(r); ; {
		var f userapi.Fan
		switch err := from.Decode(&f); {
		case err == io.EOF:
			return fans, nil
		case err != nil:
			return nil, err
		}
		fans = append(fans, f)
	}
}
