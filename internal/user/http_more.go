package user

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"boxoffice/internal/caller"
	"boxoffice/internal/route"
)

// Further operations for accounts, beyond the thirty of the purchase API.

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
		Token       string `json:"token" maxLength:"64" doc:"The token in the emailed link." example:"0123456789abcdefghjkmnpqrs"`
		NewPassword string `json:"new_password,omitempty" maxLength:"128" doc:"A new password for the account, at least 8 characters. Required if the request has no session of the account." example:"velvet curtain"`
	}
}

type forgotIn struct {
	Body struct {
		Email string `json:"email" maxLength:"254" example:"fan@example.org"`
	}
}

type resetIn struct {
	Body struct {
		Token    string `json:"token" maxLength:"64" doc:"The token in the emailed link." example:"0123456789abcdefghjkmnpqrs"`
		Password string `json:"password" maxLength:"128" doc:"The new password, at least 8 characters." example:"velvet curtain"`
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
		Code string `json:"code" maxLength:"32" doc:"The code from the email: nine letters and digits. Dashes, spaces and case are ignored." example:"4F7-K9Q-XMD"`
	}
}

func (s *Service) registerMails(api huma.API) {
	verify := operation("verify-email", http.MethodPost, "/users/verify", "Verify an email address", "With the token of an emailed link, which works once, within 24 hours. The link alone only proves that somebody reads the address, not that this person created the account. Therefore the request needs a session of the account, or a new password for it, which ends all its sessions. Without either, the answer is 401 and the link remains valid. If the account uses two-factor sign-in and was moved to this address, only a session will do.", http.StatusOK, 400, 401, 403, 409, 422, 429, 503)
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
	huma.Register(api, entry(operation("send-verification", http.MethodPost, "/users/{id}/verification", "Send the verification email again", "At most once a minute, and within the hourly limit of emails to the address. Requests beyond these limits have no effect. Earlier links remain valid.", http.StatusAccepted, 401, 404, 409, 429, 503)),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.Resend(ctx, caller.From(ctx), in.ID)
		})
	huma.Register(api, open(operation("forgot-password", http.MethodPost, "/users/password-reset", "Request a link for a new password", "Emails a link if there is an account with this address. The answer is the same if there is none, and if the hourly limit of emails to the address is reached. Earlier links remain valid for their 30 minutes.", http.StatusAccepted, 400, 422, 429, 503)),
		func(ctx context.Context, in *forgotIn) (*struct{}, error) {
			return nil, s.ForgotPassword(ctx, in.Body.Email)
		})
	huma.Register(api, open(operation("reset-password", http.MethodPost, "/users/password-reset/confirm", "Choose a new password", "With the token of an emailed link, which works once, within 30 minutes. The change ends all sessions of the account and invalidates all other links of this kind. Two-factor sign-in stays on.", http.StatusNoContent, 400, 403, 409, 422, 429, 503)),
		func(ctx context.Context, in *resetIn) (*struct{}, error) {
			return nil, s.ResetPassword(ctx, in.Body.Token, in.Body.Password)
		})
	huma.Register(api, open(operation("enter-as-guest", http.MethodPost, "/users/guest", "Continue as a guest",
		"For people who want to buy with only a name and an email address. The session can hold seats at once. Before paying, verify the address with the emailed code.", http.StatusCreated, 400, 422, 429, 503)),
		func(ctx context.Context, in *guestIn) (*loginOut, error) {
			x, err := s.EnterGuest(ctx, in.Body.Name, in.Body.Email, in.Agent)
			return s.session(ctx, x, err)
		})
	huma.Register(api, entry(operation("verify-guest", http.MethodPost, "/users/guest/verify", "Verify a guest's address",
		"Verifies the address with the emailed code, and answers with a new session. The new session belongs to the account of this address, which has the guest's holds and all earlier orders. The session of the request remains valid for another 30 seconds at most, for requests in progress. It ends at once when the new session ends, when another session of the account is ended, or when the address already had an account, which takes over the holds. An account with a password can also confirm its address with this code. Limits per customer count by address.", http.StatusOK, 400, 401, 403, 409, 422, 429, 503)),
		func(ctx context.Context, in *guestCodeIn) (*loginOut, error) {
			x, err := s.VerifyCode(ctx, caller.From(ctx), in.Body.Code, in.Agent)
			return s.session(ctx, x, err)
		})
	huma.Register(api, entry(operation("send-guest-code", http.MethodPost, "/users/guest/code", "Send the code again", "Emails the code to the address of a guest, or of an account whose address is not confirmed yet: at most once a minute and ten times an hour per address, of which one client gets four. Clients from which the owner of the address has signed in before have a separate four. A code that stays valid for at least ten more minutes is sent again; otherwise a new one.", http.StatusAccepted, 401, 409, 429, 503)),
		func(ctx context.Context, _ *struct{}) (*struct{}, error) {
			return nil, s.ResendCode(ctx, caller.From(ctx))
		})
}

type listedSession struct {
	ID        string    `json:"id" doc:"Id of the session. It is not the token." example:"0f1e2d3c4b5a6978"`
	CreatedAt time.Time `json:"created_at" doc:"When the session began (RFC 3339, UTC)." example:"2026-12-01T09:00:00Z"`
	ExpiresAt time.Time `json:"expires_at" doc:"When the session ends (RFC 3339, UTC)." example:"2026-12-02T09:00:00Z"`
	UserAgent string    `json:"user_agent,omitempty" doc:"The client's User-Agent header at sign-in." example:"curl/8.5.0"`
	Current   bool      `json:"current" doc:"Whether this request uses the session." example:"true"`
}

type sessionsOut struct {
	Body struct {
		Items []listedSession `json:"items" doc:"The sessions, newest first, at most 100."`
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
		ID      string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
		Session string `path:"session_id" maxLength:"64" doc:"Id of the session, from the list of sessions." example:"0f1e2d3c4b5a6978"`
	}
	huma.Register(api, operation("end-session", http.MethodDelete, "/users/{id}/sessions/{session_id}", "End a session", "Takes effect at once on the node that handles the request, and within a second on all others.", http.StatusNoContent, 401, 404),
		func(ctx context.Context, in *oneIn) (*struct{}, error) {
			return nil, s.EndSessions(ctx, caller.From(ctx), in.ID, in.Session, "")
		})
	huma.Register(api, operation("end-other-sessions", http.MethodDelete, "/users/{id}/sessions", "End all other sessions", "Ends all sessions of the account except the one of this request.", http.StatusNoContent, 401, 404),
		func(ctx context.Context, in *byID) (*struct{}, error) {
			return nil, s.EndSessions(ctx, caller.From(ctx), in.ID, "", caller.TokenFrom(ctx))
		})
}

type secretOut struct {
	Body struct {
		Secret string `json:"secret" doc:"The secret for the authenticator app, in base 32." example:"JBSWY3DPEHPK3PXP"`
		URI    string `json:"otpauth_uri" doc:"The secret as an otpauth URI, to be shown as a QR code." example:"otpauth://totp/boxoffice:fan@example.org?secret=JBSWY3DPEHPK3PXP"`
	}
}

type recoveryOut struct {
	Body struct {
		Codes []string `json:"recovery_codes" doc:"Recovery codes. Each of them replaces a code of the app once. They are not shown again." example:"[\"0123456789\"]"`
	}
}

func (s *Service) registerTwoFactor(api huma.API) {
	type beginIn struct {
		ID   string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
		Body struct {
			Password string `json:"current_password" maxLength:"128" example:"velvet curtain"`
		}
	}
	huma.Register(api, entry(operation("begin-two-factor", http.MethodPost, "/users/{id}/totp", "Begin the setup of two-factor sign-in", "Creates a secret for an authenticator app (RFC 6238). It takes effect once a code of the app has confirmed it.", http.StatusCreated, 400, 401, 403, 404, 409, 422, 429)),
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
		ID   string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
		Body struct {
			Code string `json:"code" maxLength:"10" doc:"The current code of the authenticator app." example:"123456"`
		}
	}
	huma.Register(api, entry(operation("confirm-two-factor", http.MethodPut, "/users/{id}/totp", "Switch two-factor sign-in on", "Confirms the secret with a code of the app. From then on, signing in requires a code. The answer has the recovery codes.", http.StatusOK, 400, 401, 403, 404, 409, 422, 429)),
		func(ctx context.Context, in *confirmIn) (*recoveryOut, error) {
			codes, err := s.ConfirmTwoFactor(ctx, caller.From(ctx), in.ID, in.Body.Code)
			out := &recoveryOut{}
			out.Body.Codes = codes
			return out, err
		})
	type endIn struct {
		ID       string `path:"id" maxLength:"64" doc:"Id of the account." example:"06a1b2c3d4e5f6g7"`
		Password string `header:"X-Current-Password" maxLength:"128" doc:"The account's current password, in a header because a DELETE has no body." example:"velvet curtain"`
		Code     string `header:"X-Code" maxLength:"32" doc:"A current code of the authenticator app, or a recovery code." example:"123456"`
	}
	huma.Register(api, entry(operation("end-two-factor", http.MethodDelete, "/users/{id}/totp", "Switch two-factor sign-in off", "Requires the account's password and a code.", http.StatusNoContent, 401, 403, 404, 422, 429)),
		func(ctx context.Context, in *endIn) (*struct{}, error) {
			return nil, inHeaders(s.EndTwoFactor(ctx, caller.From(ctx), in.ID, in.Password, in.Code))
		})
}
