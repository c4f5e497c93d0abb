package commands

import (
	"context"
	"fmt"
	"io"

	"boxoffice/internal/codec"
)

// OpenAPI prints the API's document.
type OpenAPI struct{}

// Run prints it.
func (OpenAPI) Run(ctx context.Context, o Office, out io.Writer) error {
	document, err := o.Document(ctx)
	if err != nil {
		return err
	}
	text, err := codec.Indent(document)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}
