package shop

import (
	"context"

	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/userapi"
)

// Guests who return by the link of an order have no password to sign in with.
// Instead, they use the link together with a code that is mailed to the order's
// owner.

// OrderCodes signs owners of orders in by a mailed code.
type OrderCodes interface {
	MailOrderCode(ctx context.Context, userID string) error
	EnterByCode(ctx context.Context, userID, code, agent string) (userapi.Session, error)
}

// orderCodePage is the data of the page on which such a guest requests the code and
// enters it.
type orderCodePage struct {
	*orderPage
	Form entryForm
	Sent bool // a code was mailed; the page asks for it
}

// readOrderCode returns the page for somebody who has an order's link. If the reader
// already is the owner, it sends them on to cancel and returns nil.
func (s *Shop) readOrderCode(v *page.Visit) (*orderCodePage, error) {
	if v.Request.URL.Query().Get("token") == "" {
		if err := signedIn(v); err != nil {
			return nil, err
		}
	}
	o, err := s.readOrder(v)
	switch {
	case err != nil:
		return nil, err
	case o.Own:
		return nil, v.Go("/orders/" + o.ID + "/cancel")
	case !o.Mine:
		return nil, errs.Missing("booking")
	}
	return &orderCodePage{orderPage: o}, nil
}

func (s *Shop) showOrderCode(v *page.Visit, p *orderCodePage) error {
	return v.Show(s.set, "ordercode", page.Meta{Title: v.T("ordercode.title"), NoIndex: true}, p)
}

// orderCode asks whether to mail a code.
func (s *Shop) orderCode(v *page.Visit) error {
	p, err := s.readOrderCode(v)
	if p == nil {
		return err
	}
	p.Sent = v.Request.URL.Query().Get("sent") != ""
	return s.showOrderCode(v, p)
}

// mailOrderCode mails the code to the order's owner. Owners with a password sign in
// with that instead.
func (s *Shop) mailOrderCode(v *page.Visit) error {
	p, err := s.readOrderCode(v)
	if p == nil {
		return err
	}
	switch err := s.Users.MailOrderCode(v.Context(), p.UserID); {
	case errs.Is(err, "sign-in-required"):
		return toSignIn(v, "/orders/"+p.ID+"/cancel")
	case err != nil:
		if err = p.Form.fault(v, err); err != nil {
			return err
		}
		return s.showOrderCode(v, p)
	}
	return v.Go(p.Link("enter") + "&sent=1")
}

// enterByCode checks the code and continues as the order's owner.
func (s *Shop) enterByCode(v *page.Visit) error {
	p, err := s.readOrderCode(v)
	if p == nil {
		return err
	}
	session, err := s.Users.EnterByCode(v.Context(), p.UserID, v.PostFormValue("code"), v.UserAgent())
	switch {
	case errs.Is(err, "sign-in-required"):
		return toSignIn(v, "/orders/"+p.ID+"/cancel")
	case err != nil:
		if err = p.Form.fault(v, err); err != nil {
			return err
		}
		p.Sent = true
		return s.showOrderCode(v, p)
	}
	v.Begin(session.Token, session.Ends)
	return v.Go("/orders/" + p.ID + "/cancel")
}
