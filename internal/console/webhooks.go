package console

import (
	"net/http"
	"net/url"
	"slices"

	"boxoffice/internal/errs"
	"boxoffice/internal/page"
	"boxoffice/internal/webhookapi"
)

// deliveriesShown is how many deliveries a page of the log lists.
const deliveriesShown = 30

// hookForm is the form of a webhook, as it is stored or was sent.
type hookForm struct {
	URL, Description string
	Types            []webhookapi.Type
	Faults           page.Faults
}

// Chosen reports whether a type is chosen.
func (f *hookForm) Chosen(t webhookapi.Type) bool { return slices.Contains(f.Types, t) }

// hookFormOf reads a form that was sent.
func hookFormOf(v *page.Visit) hookForm {
	f := hookForm{URL: v.PostFormValue("url"), Description: v.PostFormValue("description")}
	for _, t := range webhookapi.Types { // whatever else was sent is no choice of this form
		if slices.Contains(v.PostForm["types"], string(t)) {
			f.Types = append(f.Types, t)
		}
	}
	return f
}

// webhooks lists an organizer's webhooks, and adds one.
func (c *Console) webhooks(v *page.Visit) error {
	var form hookForm
	if v.Method == http.MethodPost {
		form = hookFormOf(v)
		made, _, err := c.Webhooks.Create(v.Context(), v.Caller, webhookapi.New{URL: form.URL, Description: form.Description, Types: form.Types})
		if err == nil {
			v.Notice("webhook-made")
			return v.Go(hook(made.ID))
		}
		var ok bool
		if form.Faults, ok = v.Faults(err); !ok {
			return err
		}
	}
	list, err := c.Webhooks.Endpoints(v.Context(), v.Caller)
	if err != nil {
		return err
	}
	return v.Show(c.set, "webhooks", page.Meta{Title: v.T("webhooks.title"), NoIndex: true}, map[string]any{
		"List": list, "Form": &form, "Types": webhookapi.Types, "Full": len(list) >= webhookapi.MaxEndpoints,
	})
}

// webhook shows a webhook with its log, and carries out what its forms ask for.
func (c *Console) webhook(v *page.Visit) error {
	e, err := c.Webhooks.Endpoint(v.Context(), v.Caller, v.PathValue("webhook"))
	if err != nil {
		return err
	}
	form := hookForm{URL: e.URL, Description: e.Description, Types: e.Types}
	problem := ""
	if v.Method == http.MethodPost {
		notice, to, err := c.changeWebhook(v, &e, &form)
		if err == nil {
			v.Notice(notice)
			return v.Go(to)
		}
		if v.PostFormValue("do") == "save" {
			var ok bool
			if form.Faults, ok = v.Faults(err); !ok {
				return err
			}
		} else {
			var ok bool
			if problem, ok = v.Reason(err); !ok {
				return err
			}
		}
	}
	return c.showWebhook(v, &e, &form, problem)
}

// changeWebhook carries out what a form of a webhook's page asks for. It returns the
// notice and the address of the next page.
func (c *Console) changeWebhook(v *page.Visit, e *webhookapi.Endpoint, form *hookForm) (notice, to string, err error) {
	ctx, here := v.Context(), hook(e.ID)
	change := func(ch webhookapi.Change) error {
		_, err := c.Webhooks.Change(ctx, v.Caller, e.ID, ch)
		return err
	}
	on, off := true, false
	switch v.PostFormValue("do") {
	case "save":
		*form = hookFormOf(v)
		return "webhook-saved", here, change(webhookapi.Change{URL: &form.URL, Description: &form.Description, Types: &form.Types})
	case "on":
		return "webhook-on", here, change(webhookapi.Change{Enabled: &on})
	case "off":
		return "webhook-off", here, change(webhookapi.Change{Enabled: &off})
	case "rotate":
		_, err := c.Webhooks.Rotate(ctx, v.Caller, e.ID)
		return "webhook-rotated", here, err
	case "test":
		messageID, err := c.Webhooks.SendTest(ctx, v.Caller, e.ID)
		return "webhook-tested", here + "/" + messageID, err
	case "again":
		messageID := v.PostFormValue("message")
		if messageID == "" {
			return "", "", errs.Missing("delivery")
		}
		_, err := c.Webhooks.Replay(ctx, v.Caller, e.ID, webhookapi.Replay{MessageID: messageID})
		return "webhook-again", here + "/" + url.PathEscape(messageID), err
	case "failed":
		_, err := c.Webhooks.Replay(ctx, v.Caller, e.ID, webhookapi.Replay{})
		return "webhook-again", here, err
	case "delete":
		return "webhook-deleted", "/organizer/webhooks", c.Webhooks.Delete(ctx, v.Caller, e.ID)
	}
	return "", "", errs.Missing("page")
}

func (c *Console) showWebhook(v *page.Visit, e *webhookapi.Endpoint, form *hookForm, problem string) error {
	secrets, err := c.Webhooks.Secrets(v.Context(), v.Caller, e.ID)
	if err != nil {
		return err
	}
	list, next, err := c.Webhooks.Deliveries(v.Context(), v.Caller, e.ID, v.Request.URL.Query().Get("after"), deliveriesShown)
	if err != nil {
		return err
	}
	if next != "" {
		next = hook(e.ID) + "?" + url.Values{"after": {next}}.Encode() + "#log"
	}
	return v.Show(c.set, "webhook", page.Meta{Title: v.T("webhook.title"), NoIndex: true}, map[string]any{
		"Hook": e, "Form": form, "Types": webhookapi.Types, "Secrets": secrets, "Deliveries": list, "Next": next, "Problem": problem,
	})
}

// delivery shows what was sent to a webhook about one thing, and what it has answered.
func (c *Console) delivery(v *page.Visit) error {
	e, err := c.Webhooks.Endpoint(v.Context(), v.Caller, v.PathValue("webhook"))
	if err != nil {
		return err
	}
	d, err := c.Webhooks.Delivery(v.Context(), v.Caller, e.ID, v.PathValue("message"))
	if err != nil {
		return err
	}
	return v.Show(c.set, "delivery", page.Meta{Title: v.T("delivery.title"), NoIndex: true}, map[string]any{"Hook": &e, "D": &d})
}

// hook is the address of a webhook's page.
func hook(id string) string { return "/organizer/webhooks/" + id }
