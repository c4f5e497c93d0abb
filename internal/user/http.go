package user

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/codec"
	"boxoffice/internal/errs"
	"boxoffice/internal/route"
	"boxoffice/internal/userapi"
)

// userBody is an account as its owner sees it.
type userBody struct {
	ID           string      `json:"id" example:"06a1b2c3d4e5f6g7"`
	Name         string      `json:"name" example:"Robin Fan"`
	Email        string      `json:"email" example:"fan@example.org"`
	Verified     bool        `json:"email_verified" doc:"Whether the owner has confirmed the email address." example:"true"`
	Username     string      `json:"username,omitempty" example:"robin"`
	Phone        string      `json:"phone,omitempty" doc:"Mobile number for text messages, in E.164." example:"+447400123456"`
	Role         caller.Role `json:"role" enum:"guest,customer,organizer,admin" example:"customer"`
	TwoFactor    bool        `json:"two_factor" doc:"Whether signing in requires a code of an authenticator app." example:"false"`
	CreatedAt    time.Time   `json:"created_at" doc:"When the account was created (RFC 3339, UTC)." example:"2026-12-01T09:00:00Z"`
	Disabled     bool        `json:"disabled,omitempty" doc:"Whether the account is disabled: nobody can sign in to it." example:"false"`
	Version      int64       `json:"version" doc:"Number that grows with each change." example:"1"`
	Bookings     []string    `json:"bookings" doc:"Ids of the first of the account's bookings, in descending order. bookings_link is the list of all." example:"[\"06a1b2c3d4e5f6g70123456789abcdefghjk\"]"`
	BookingsMore string      `json:"bookings_link,omitempty" doc:"Path of the list of all the account's bookings." example:"/users/06a1b2c3d4e5f6g7/bookings"`
}

type userOut struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     userBody
}

const bookingsShown = 20

func (s *Service) body(ctx context.Context, a userapi.Account) (userBody, error) {
	b := userBody{ID: a.ID, Name: a.Name, Email: a.Email, Username: a.Username, Role: a.Role, Disabled: a.Disabled,
		CreatedAt: a.CreatedAt, Version: a.Version, Bookings: []string{}, BookingsMore: "/users/" + a.ID + "/bookings",
		Verified: a.Verified, TwoFactor: a.TwoFactor, Phone: a.Phone}
	if s.bookings != nil {
		ids, _, err := s.bookings.LatestOfUser(ctx, a.ID, bookingsShown)
		if err != nil {
			return b, err
		}
		b.Bookings = append(b.Bookings, ids...)
	}
	return b, nil
}

func (s *Service) answer(ctx context.Context, a userapi.Account, err error) (*userOut, error) {
	if err != nil {
		return nil, err
	}
	b, err := s.body(ctx, a)
	if err != nil {
		return nil, err
	}
	raw, err := codec.Marshal(b) // the bookings change without the account
	if err != nil {
		return nil, err
	}
	return &userOut{ETag: errs.ETag(a.Version, raw), Location: "/users/" + a.ID, Body: b}, nil
}

type signUpIn struct {
	Body struct {
		Email    string `json:"email" maxLength:"254" example:"fan@example.org"`
		Username string `json:"username,omitempty" maxLength:"32" doc:"A name to sign in with, instead of the email address: 3 to 32 of a-z, 0-9, dot, dash and underscore." example:"robin"`
		Name     string `json:"name" maxLength:"100" example:"Robin Fan"`
		Password string `json:"password" maxLength:"128" doc:"The password, at least 8 characters." example:"velvet curtain"`
	}
}

type loginIn struct {
	Agent string `header:"User-Agent"`
	Body  struct {
		Email    string `json:"email,omitempty" maxLength:"254" example:"fan@example.org"`
		Username string `json:"username,omitempty" maxLength:"32" doc:"The account's username, instead of email." example:"robin"`
		Password string `json:"password" maxLength:"128" example:"velvet curtain"`
		Code     string `json:"code,omitempty" maxLength:"32" doc:"A current code of the authenticator app, or a recovery code. Required if the account uses two-factor sign-in." example:"123456"`
	}
}

type sessionBody struct {
	Token     string    `json:"token" doc:"The session's token. Send it in each request as Authorization: Bearer TOKEN." example:"0123456789abcdefghjkmnpqrs"`
	ExpiresAt time.Time `json:"expires_at" doc:"When the session ends (RFC 3339, UTC)." example:"2026-12-02T09:00:00Z"`
	User      userBody  `json:"user"`
	TwoFactor string    `json:"two_factor,omitempty" enum:"active,required" doc:"active: two-factor sign-in is on. required: this session only has the rights of a customer until two-factor sign-in is switched on." example:"active"`
}

type loginOut struct{ Body sessionBody }

func (s *Service) session(ctx context.Context, x userapi.Session, err error) (*loginOut, error) {
	if err != nil {
		return nil, err
	}
	out := &loginOut{}
	out.Body.Token, out.Body.ExpiresAt, out.Body.TwoFactor = x.Token, x.Ends.UTC(), x.TwoFactor
	out.Body.User, err = s.body(ctx, x.Account)
	return out, err
}

type updateIn struct {
	ID      string `path:"id" maxLength:"64"`
	IfMatch string `header:"If-Match" doc:"ETag of the account as you last read it. If it has changed since, the answer is 412."`
	Body    struct {
		Email           *string `json:"email,omitempty" maxLength:"254" doc:"A new email address. It has to be verified again." example:"fan@example.org"`
		Username        *string `json:"username,omitempty" maxLength:"32" example:"robin"`
		Name            *string `json:"name,omitempty" maxLength:"100" example:"Robin Fan"`
		Password        *string `json:"password,omitempty" maxLength:"128" doc:"A new password, at least 8 characters. The change ends all sessions of the account." example:"velvet curtain"`
		Phone           *string `json:"phone,omitempty" maxLength:"40" doc:"A mobile number: if an event is cancelled or moved within 48 hours of its start, its owner is told by text message, too. With the country's code, unless it is one of the site's country. Empty: none. Sites that send no text messages accept no number." example:"+44 7400 123456"`
		CurrentPassword string  `json:"current_password,omitempty" maxLength:"128" doc:"Your current password. Required to change your own email address or password." example:"velvet curtain"`
		Code            string  `json:"code,omitempty" maxLength:"32" doc:"A current code of the authenticator app, or a recovery code. Required to change your own email address if two-factor sign-in is on." example:"123456"`

		Role     *caller.Role `json:"role,omitempty" enum:"customer,organizer,admin" doc:"The account's role. Only admins can change it, and not their own." example:"organizer"`
		Disabled *bool        `json:"disabled,omitempty" doc:"Whether the account is disabled. Only admins can change it, and not for themselves. Disabling ends all sessions of the account." example:"false"`
	}
}

type byID struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
}

type deleteIn struct {
	ID       string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
	IfMatch  string `header:"If-Match" doc:"ETag of the account as you last read it. If it has changed since, the answer is 412."`
	Password string `header:"X-Current-Password" maxLength:"128" doc:"The account's current password, in a header because a DELETE has no body. Required from the owner of an account that has a password." example:"velvet curtain"`
}

// inHeaders renames the fields of an error about a DELETE to the headers in which it
// sends the password and the code.
func inHeaders(err error) error {
	e := errs.Of(err)
	if e == nil || len(e.Fields) == 0 {
		return err
	}
	named := *e
	named.Fields = slices.Clone(e.Fields)
	for i := range named.Fields {
		switch named.Fields[i].Name {
		case "current_password":
			named.Fields[i].Name = "X-Current-Password"
		case "code":
			named.Fields[i].Name = "X-Code"
		}
	}
	return &named
}

// Register adds the service's operations to the API.
func (s *Service) Register(api huma.API) {
	tags := []string{"Users"}
	huma.Register(api, huma.Operation{
		OperationID: "sign-up", Method: http.MethodPost, Path: "/users", Tags: tags, DefaultStatus: http.StatusCreated,
		Summary: "Sign up", Description: "Creates an account with the role customer, and emails a link and a code to confirm its address. If the address already belongs to another account, the answer is the same, the email says so, and that account keeps the address.", Metadata: route.Meta(route.Open, route.Entry), Errors: []int{400, 409, 413, 422, 503},
	}, func(ctx context.Context, in *signUpIn) (*userOut, error) {
		b := in.Body
		u, err := s.SignUp(ctx, userapi.NewAccount{Email: b.Email, Username: b.Username, Name: b.Name, Password: b.Password})
		return s.answer(ctx, u, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "log-in", Method: http.MethodPost, Path: "/users/login", Tags: tags, DefaultStatus: http.StatusOK,
		Summary: "Sign in", Description: "Starts a session of 24 hours. A token in the request is ignored. After ten wrong passwords or codes for an account from one network (an IPv4 address or IPv6 /64), sign-ins to the account from this network are answered 429 for 15 minutes. After a hundred from all networks that the account has not signed in from, so are sign-ins from all of these networks. A new password lifts the block.", Metadata: route.Meta(route.Open, route.Entry), Errors: []int{400, 401, 413, 422, 429, 503},
	}, s.login)
	huma.Register(api, huma.Operation{
		OperationID: "log-out", Method: http.MethodPost, Path: "/users/logout", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Sign out", Description: "Ends the session of the request, whose token is in the Authorization header or in the cookie that the site's pages use.", Errors: []int{401},
	}, func(ctx context.Context, _ *struct{}) (*struct{}, error) {
		if !caller.From(ctx).SignedIn() {
			return nil, errs.New(errs.Unauthenticated, "sign-in-required", "There is no session to end.")
		}
		return nil, s.Logout(ctx, caller.TokenFrom(ctx))
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-user", Method: http.MethodGet, Path: "/users/{id}", Tags: tags, Summary: "Read an account",
		Description: "For its owner and admins.", Errors: []int{401, 404},
	}, func(ctx context.Context, in *byID) (*userOut, error) {
		u, err := s.Account(ctx, caller.From(ctx), in.ID)
		return s.answer(ctx, u, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "update-user", Method: http.MethodPut, Path: "/users/{id}", Tags: tags, Summary: "Change an account",
		Description: "Fields that are left out stay as they are.", Metadata: route.Meta(route.Entry), Errors: []int{400, 401, 403, 404, 409, 412, 413, 422, 429, 503},
	}, func(ctx context.Context, in *updateIn) (*userOut, error) {
		version, err := s.expected(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		b := in.Body
		u, err := s.Update(ctx, caller.From(ctx), in.ID, version,
			userapi.Change{Email: b.Email, Username: b.Username, Name: b.Name, Password: b.Password, CurrentPassword: b.CurrentPassword, Code: b.Code, Role: b.Role, Disabled: b.Disabled, Phone: b.Phone})
		return s.answer(ctx, u, err)
	})
	huma.Register(api, huma.Operation{
		OperationID: "delete-user", Method: http.MethodDelete, Path: "/users/{id}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Delete an account", Description: "Anonymizes the account. Refused while the account has live bookings, drafts, or events that are neither over nor cancelled. If the account has a password, the owner sends it in X-Current-Password.", Metadata: route.Meta(route.Entry), Errors: []int{401, 404, 409, 412, 422, 429, 503},
	}, func(ctx context.Context, in *deleteIn) (*struct{}, error) {
		version, err := s.expected(ctx, in.IfMatch, in.ID)
		if err != nil {
			return nil, err
		}
		return nil, inHeaders(s.Delete(ctx, caller.From(ctx), in.ID, version, in.Password))
	})
	s.registerMails(api)
	s.registerSessions(api)
	s.registerTwoFactor(api)
}

// expected returns the version that the If-Match header of a change requires.
func (s *Service) expected(ctx context.Context, ifMatch, userID string) (int64, error) {
	return errs.Expected(ifMatch, "account", func() (int64, error) {
		u, err := s.visible(ctx, caller.From(ctx), userID)
		return u.Version, err
	})
}

func (s *Service) login(ctx context.Context, in *loginIn) (*loginOut, error) {
	b := in.Body
	if (b.Email == "") == (b.Username == "") {
		return nil, errs.Bad("email", "cannot-combine", "or username must be given, but not both")
	}
	x, _, err := s.Login(ctx, userapi.Credentials{Name: b.Email + b.Username, Password: b.Password, Code: b.Code, Agent: in.Agent})
	return s.session(ctx, x, err)
}
