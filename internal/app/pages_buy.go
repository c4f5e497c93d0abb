package app

import (
	"context"
	"errors"

	"boxoffice/internal/caller"
	"boxoffice/internal/errs"
	"boxoffice/internal/payment"
	"boxoffice/internal/shop"
	"boxoffice/internal/user"
)

// Pay pays with a token of the gateway what the buyer was shown, if that is known.
func (p onPage) Pay(ctx context.Context, caller caller.Caller, bookingID, token, key string, amount *int64) (shop.Payment, error) {
	pay, err := p.Payments.Pay(ctx, caller, payment.Order{BookingID: bookingID, Method: token, Key: bookingID + key, Amount: amount})
	return shop.Payment{Attempt: pay.Attempt, Status: string(pay.Status), Reason: pay.Reason}, err
}

func shownSession(s user.Session, err error) (shop.Session, error) {
	role := s.User.Role
	if s.TwoFactor == "required" {
		role = caller.Customer // until then
	}
	return shop.Session{Token: s.Token, Ends: s.Ends, Role: role}, err
}

// Login starts a session, in two steps if the account wants a code.
func (p onPage) Login(ctx context.Context, c shop.Credentials) (s shop.Session, proof string, err error) {
	s, err = shownSession(p.Users.Login(ctx, user.Credentials{Name: c.Name, Password: c.Password, Code: c.Code, Agent: c.Agent, Visitor: c.Visitor, Steps: true, Proof: c.Proof}))
	var needed *user.CodeNeeded
	switch {
	case errors.As(err, &needed):
		proof = needed.Proof
	case errs.Is(err, "wrong-code"):
		proof = c.Proof
	}
	return s, proof, err
}

// SignUp makes an account and starts a session.
func (p onPage) SignUp(ctx context.Context, a shop.NewAccount) (shop.Session, error) {
	return shownSession(p.Users.SignUpAndIn(ctx, user.Account{Name: a.Name, Email: a.Email, Password: a.Password}, a.Visitor, a.Agent))
}

// Logout ends the session of a token.
func (p onPage) Logout(ctx context.Context, token string) error { return p.Users.Logout(ctx, token) }

// ForgotPassword mails a link for a new password if there is such an account.
func (p onPage) ForgotPassword(ctx context.Context, email string) error {
	return p.Users.ForgotPassword(ctx, email)
}

// VerifyLink tells what can be done with a mailed link.
func (p onPage) VerifyLink(ctx context.Context, caller caller.Caller, token string) (shop.VerifyLink, error) {
	l, err := p.Users.VerifyLink(ctx, caller, token)
	return shop.VerifyLink(l), err
}

// VerifyEmail confirms the address of a caller's account by the secret of a mailed link.
func (p onPage) VerifyEmail(ctx context.Context, caller caller.Caller, token string) error {
	_, err := p.Users.Verify(ctx, caller, token)
	return err
}

// VerifyAnew confirms an account's address and chooses a new password for it.
func (p onPage) VerifyAnew(ctx context.Context, token, password string) error {
	_, err := p.Users.VerifyAnew(ctx, token, password)
	return err
}

// ResetPassword chooses a new password by the secret of a mailed link.
func (p onPage) ResetPassword(ctx context.Context, token, password string) error {
	return p.Users.ResetPassword(ctx, token, password)
}

// EnterVisitor starts a session of somebody of whom nothing is known.
func (p onPage) EnterVisitor(ctx context.Context, agent string) (shop.Session, error) {
	return shownSession(p.Users.EnterVisitor(ctx, agent))
}

// SetContact is a visitor's name and address.
func (p onPage) SetContact(ctx context.Context, caller caller.Caller, name, email string) error {
	_, err := p.Users.SetContact(ctx, caller, name, email)
	return err
}

// ResendCode mails a guest's code again.
func (p onPage) ResendCode(ctx context.Context, caller caller.Caller) error {
	return p.Users.ResendCode(ctx, caller)
}

// VerifyGuest takes the code of a guest or of an account that is not verified yet.
func (p onPage) VerifyGuest(ctx context.Context, caller caller.Caller, code, agent string) (shop.Session, error) {
	return shownSession(p.Users.VerifyCode(ctx, caller, code, agent))
}

// MailOrderCode mails a code to an order's owner, a guest.
func (p onPage) MailOrderCode(ctx context.Context, userID string) error {
	return p.Users.MailOrderCode(ctx, userID)
}

// EnterByCode starts a session of an order's owner by the mailed code.
func (p onPage) EnterByCode(ctx context.Context, userID, code, agent string) (shop.Session, error) {
	return shownSession(p.Users.EnterByCode(ctx, userID, code, agent))
}

// Person is what is known of a caller.
func (p onPage) Person(ctx context.Context, caller caller.Caller) (shop.Person, error) {
	u, err := p.Users.Self(ctx, caller)
	return shop.Person{Name: u.Name, Email: u.Email + u.Contact, Verified: u.Verified, Guest: user.CameAsGuest(u.ID)}, err // one of them
}
