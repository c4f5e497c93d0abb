package shop

import (
	"context"

	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/userapi"
)

// A guest who comes back by the link of an order has no password to sign in with:
// the link and a code that is mailed to the order's owner are as good.

// OrderCodes signs owners of orders in by a mailed code.
type OrderCodes interface {
	MailOrderCode(ctx context.Context, userID string) error
	EnterByCode(ctx context.Context, userID, code, agent string) (userapi.Session, error)
}

// orderCodePage is where such a guest asks for the code, and gives it.
type orderCodePage struct {
	*orderPage
	Form entryForm
	Sent bool // a code was mailed: it is asked for
}

// readOrderCode is the page for whoever has come by an order's link. When the
// reader is the owner already there is none: they go on to cancel.
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

// orderCode asks whether a code is to be mailed.
func (s *Shop) orderCode(v *page.Visit) error {
	p, err := s.readOrderCode(v)
	if p == nil {
		return err
	}
	p.Sent = v.Request.URL.Query().Get("sent") != ""
	return s.showOrderCode(v, p)
}

// mailOrderCode mails the code to the order's owner. Owners with a password sign
// in with it.
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

// enterByCode takes the code, and goes on as the order's owner.
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
