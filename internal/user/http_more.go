package user

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/route"
)

// These operations stand beside the API's thirty: whatever an account needs
// besides a purchase.

func operation(id, method, path, summary, description string, status int, errors ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Tags: []string{"Accounts"}, Summary: summary, Description: description,
		DefaultStatus: status, Errors: errors}
}

// entry is an operation that checks a secret or sends a mail.
func entry(op huma.Operation) huma.Operation {
	op.Metadata = route.Meta(route.Entry)
	return op
}

// open is an entry for clients without a session.
func open(op huma.Operation) huma.Operation {
	op.Metadata = route.Meta(route.Entry, route.Open)
	return op
}

type verifyIn struct {
	Body struct {
		Token       string `json:"token" maxLength:"64" doc:"Of the link that was mailed." example:"0123456789abcdefghjkmnpqrs"`
		NewPassword string `json:"new_password,omitempty" maxLength:"128" doc:"A new password for the account, 8 characters or more; needed without a session of the account." example:"velvet curtain"`
	}
}

type forgotIn struct {
	Body struct {
		Email string `json:"email" maxLength:"254" example:"fan@example.org"`
	}
}

type resetIn struct {
	Body struct {
		Token    string `json:"token" maxLength:"64" doc:"Of the link that was mailed." example:"0123456789abcdefghjkmnpqrs"`
		Password string `json:"password" maxLength:"128" doc:"The new one, 8 characters or more." example:"velvet curtain"`
	}
}

type guestIn struct {
	Agent string `header:"User-Agent"`
	Body  struct {
		Name  string `json:"name" maxLength:"100" example:"Robin Fan"`
		Email string `json:"email" maxLength:"254" example:"fan@example.org"`
	}
}

type guestCodeIn struct {
	Agent string `header:"User-Agent"`
	Body  struct {
		Code string `json:"code" maxLength:"32" doc:"Nine letters and digits, as mailed; dashes, spaces and case do not matter." example:"4F7-K9Q-XMD"`
	}
}

func (s *Service) registerMails(api huma.API) {
	verify := operation("verify-email", http.MethodPost, "/users/verify", "Verify an email address", "By the secret of a mailed link, once, within 24 hours. The link shows who reads the address, not who made the account: so the request comes with a session of the account, or gives it a new password, which ends all its sessions. Without either it is answered 401, and the link stays good; so it is with a new password if the account has two-factor log-in and was moved to the address.", http.StatusOK, 400, 401, 403, 409, 422, 429, 503)
	verify.Metadata = route.Meta(route.Entry, route.Open, route.Optional)
	huma.Register(api, verify,
		func(ctx context.Context, in *verifyIn) (*userOut, error) {
			if in.Body.NewPassword != "" {
				u, err := s.VerifyAnew(ctx, in.Body.Token, in.Body.NewPassword)
				return s.answer(ctx, u, err)
			}
			u, err := s.Verify(ctx, caller.From(ctx), in.Body.Token)
			return s.answer(ctx, u, err)
		})
	huma.Register(api, entry(operation("send-verification", http.MethodPost, "/users/{id}/verification", "Mail the verification again", "At most once a minute, and as often in an hour as mail may be asked for to the address; links that were mailed before stay good.", http.StatusAccepted, 401, 404, 409, 429, 503)),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.Resend(ctx, caller.From(ctx), in.ID)
		})
	huma.Register(api, open(operation("forgot-password", http.MethodPost, "/users/password-reset", "Ask for a new password", "Mails a link to the address if there is an account with it. The answer is the same if there is none, and if so much was asked for within the hour that no mail is sent; links that were mailed before stay good for their 30 minutes.", http.StatusAccepted, 400, 422, 429, 503)),
		func(ctx context.Context, in *forgotIn) (*struct{}, error) {
			return nil, s.ForgotPassword(ctx, in.Body.Email)
		})
	huma.Register(api, open(operation("reset-password", http.MethodPost, "/users/password-reset/confirm", "Choose a new password", "By the secret of a mailed link, once, within 30 minutes. Ends all sessions and all other such links of the account. Two-factor log-in stays on.", http.StatusNoContent, 400, 403, 409, 422, 429, 503)),
		func(ctx context.Context, in *resetIn) (*struct{}, error) {
			return nil, s.ResetPassword(ctx, in.Body.Token, in.Body.Password)
		})
	huma.Register(api, open(operation("enter-as-guest", http.MethodPost, "/users/guest", "Enter as a guest",
		"For buying with only a name and an email address. The session may hold seats at once; to pay, verify the address with the mailed code.", http.StatusCreated, 400, 422, 429, 503)),
		func(ctx context.Context, in *guestIn) (*loginOut, error) {
			x, err := s.EnterGuest(ctx, in.Body.Name, in.Body.Email, in.Agent)
			return s.session(ctx, x, err)
		})
	huma.Register(api, entry(operation("verify-guest", http.MethodPost, "/users/guest/verify", "Verify a guest's address",
		"Answers the session to go on with: of the guests' account that the address belongs to, which has the holds and all earlier orders; the session of the request ends after at most 30 seconds more, for requests under way, or at once when the new one ends, when another session of the account is ended, or when the address has an account already, to which the holds go. An account with a password whose address is not confirmed yet may use its code, too. What a customer may have is counted by address.", http.StatusOK, 400, 401, 403, 409, 422, 429, 503)),
		func(ctx context.Context, in *guestCodeIn) (*loginOut, error) {
			x, err := s.VerifyCode(ctx, caller.From(ctx), in.Body.Code, in.Agent)
			return s.session(ctx, x, err)
		})
	huma.Register(api, entry(operation("send-guest-code", http.MethodPost, "/users/guest/code", "Mail the code again", "To the address of a guest, or of an account that is not confirmed yet: at most once a minute and ten times an hour to an address, four of them for one client; a client from which the address's owner has signed in before has four of its own. It is the same code while it has ten minutes left.", http.StatusAccepted, 401, 409, 429, 503)),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, s.ResendCode(ctx, caller.From(ctx))
		})
}

type listedSession struct {
	ID        string    `json:"id" doc:"Names the session; it is not its token." example:"0f1e2d3c4b5a6978"`
	CreatedAt time.Time `json:"created_at" doc:"When the session began, UTC." example:"2026-12-01T09:00:00Z"`
	ExpiresAt time.Time `json:"expires_at" doc:"When the session ends, UTC." example:"2026-12-02T09:00:00Z"`
	UserAgent string    `json:"user_agent,omitempty" doc:"The program that logged in, as it named itself." example:"curl/8.5.0"`
	Current   bool      `json:"current" doc:"It is the session of this request." example:"true"`
}

type sessionsOut struct {
	Body struct {
		Items []listedSession `json:"items" doc:"Newest first, at most 100."`
	}
}

func (s *Service) registerSessions(api huma.API) {
	huma.Register(api, operation("list-sessions", http.MethodGet, "/users/{id}/sessions", "List sessions", "For the account's owner and admins.", http.StatusOK, 401, 404),
		func(ctx context.Context, in *byID) (*sessionsOut, error) {
			list, err := s.Sessions(ctx, caller.From(ctx), in.ID, caller.TokenFrom(ctx))
			if err != nil {
				return nil, err
			}
			out := &sessionsOut{}
			out.Body.Items = make([]listedSession, len(list))
			for i, l := range list {
				out.Body.Items[i] = listedSession{l.ID, l.CreatedAt, l.Ends, l.Agent, l.Current}
			}
			return out, nil
		})
	type oneIn struct {
		ID      string `path:"id" maxLength:"64" doc:"The account." example:"06a1b2c3d4e5f6g7"`
		Session string `path:"session_id" maxLength:"64" doc:"The session." example:"0f1e2d3c4b5a6978"`
	}
	huma.Register(api, operation("end-session", http.MethodDelete, "/users/{id}/sessions/{session_id}", "End a session", "On this node at once, on others within a second.", http.StatusNoContent, 401, 404),
		func(ctx context.Context, in *oneIn) (*struct{}, error) {
			return nil, s.EndSessions(ctx, caller.From(ctx), in.ID, in.Session, "")
		})
	huma.Register(api, operation("end-other-sessions", http.MethodDelete, "/users/{id}/sessions", "End all other sessions", "All but the one of this request.", http.StatusNoContent, 401, 404),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.EndSessions(ctx, caller.From(ctx), in.ID, "", caller.TokenFrom(ctx))
		})
}

type secretOut struct {
	Body struct {
		Secret string `json:"secret" doc:"Base 32, for the authenticator app." example:"JBSWY3DPEHPK3PXP"`
		URI    string `json:"otpauth_uri" doc:"The same as a URI, for a QR code." example:"otpauth://totp/boxoffice:fan@example.org?secret=JBSWY3DPEHPK3PXP"`
	}
}

type recoveryOut struct {
	Body struct {
		Codes []string `json:"recovery_codes" doc:"Each logs in once without the app. They are not shown again." example:"[\"0123456789\"]"`
	}
}

func (s *Service) registerTwoFactor(api huma.API) {
	type beginIn struct {
		ID   string `path:"id" maxLength:"64" doc:"The account." example:"06a1b2c3d4e5f6g7"`
		Body struct {
			Password string `json:"current_password" maxLength:"128" example:"velvet curtain"`
		}
	}
	huma.Register(api, entry(operation("begin-two-factor", http.MethodPost, "/users/{id}/totp", "Begin two-factor log-in", "Makes a secret for an authenticator app (RFC 6238). It counts once a code has confirmed it.", http.StatusCreated, 400, 401, 403, 404, 409, 422, 429)),
		func(ctx context.Context, in *beginIn) (*secretOut, error) {
			x, err := s.BeginTwoFactor(ctx, caller.From(ctx), in.ID, in.Body.Password)
			if err != nil {
				return nil, err
			}
			out := &secretOut{}
			out.Body.Secret, out.Body.URI = x.Secret, x.URI
			return out, nil
		})
	type confirmIn struct {
		ID   string `path:"id" maxLength:"64" doc:"The account." example:"06a1b2c3d4e5f6g7"`
		Body struct {
			Code string `json:"code" maxLength:"10" doc:"The code that the authenticator app shows now." example:"123456"`
		}
	}
	huma.Register(api, entry(operation("confirm-two-factor", http.MethodPut, "/users/{id}/totp", "Switch two-factor log-in on", "From then on log-in needs a code.", http.StatusOK, 400, 401, 403, 404, 409, 422, 429)),
		func(ctx context.Context, in *confirmIn) (*recoveryOut, error) {
			codes, err := s.ConfirmTwoFactor(ctx, caller.From(ctx), in.ID, in.Body.Code)
			out := &recoveryOut{}
			out.Body.Codes = codes
			return out, err
		})
	type endIn struct {
		ID       string `path:"id" maxLength:"64" doc:"The account." example:"06a1b2c3d4e5f6g7"`
		Password string `header:"X-Current-Password" maxLength:"128" doc:"The account's password: a DELETE has no body." example:"velvet curtain"`
		Code     string `header:"X-Code" maxLength:"32" doc:"A code of the authenticator app, or a recovery code." example:"123456"`
	}
	huma.Register(api, entry(operation("end-two-factor", http.MethodDelete, "/users/{id}/totp", "Switch two-factor log-in off", "Needs the password and a code.", http.StatusNoContent, 401, 403, 404, 422, 429)),
		func(ctx context.Context, in *endIn) (*struct{}, error) {
			return nil, inHeaders(s.EndTwoFactor(ctx, caller.From(ctx), in.ID, in.Password, in.Code))
		})
}
