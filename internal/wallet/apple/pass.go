package apple

import (
	"archive/zip"
	"bytes"
	"crypto/sha1" //nolint:gosec // Apple's choice for manifest.json; the signature is over SHA-256
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/smallstep/pkcs7"

	"boxoffice/internal/codec"
	"boxoffice/internal/walletapi"
)

//go:embed icons/*.png
var icons embed.FS

// Update is how a pass gets updates; the zero value: it gets none.
type Update struct {
	Service string // address of the web service, which must be HTTPS
	Token   string // with which the device authenticates
}

// Pass makes the .pkpass of an order's seat, under a serial number. A seat that the order
// does not have makes a pass that is void. Except for the signature, the same input yields
// the same bytes.
func (id *Identity) Pass(o *walletapi.Order, seat int32, serial string, u Update) ([]byte, error) {
	files, err := id.files(o, seat, serial, u)
	if err != nil {
		return nil, err
	}
	manifest, err := manifestOf(files)
	if err != nil {
		return nil, err
	}
	signature, err := id.sign(manifest)
	if err != nil {
		return nil, fmt.Errorf("sign pass: %w", err)
	}
	files["manifest.json"], files["signature"] = manifest, signature
	return pack(files)
}

// files are the files of a pass by name, without those that sign them.
func (id *Identity) files(o *walletapi.Order, seat int32, serial string, u Update) (map[string][]byte, error) {
	pass, err := codec.Indent(id.content(o, seat, serial, u))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"pass.json": pass}
	for lang, words := range o.Words {
		files[lang+".lproj/pass.strings"] = stringsOf(o, words)
	}
	list, err := icons.ReadDir("icons")
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		if files[f.Name()], err = icons.ReadFile(path.Join("icons", f.Name())); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// Digest is a hash of what a pass says, without how it gets updates: two passes with the
// same digest look the same.
func (id *Identity) Digest(o *walletapi.Order, seat int32, serial string) (string, error) {
	files, err := id.files(o, seat, serial, Update{})
	if err != nil {
		return "", err
	}
	manifest, err := manifestOf(files)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(manifest)
	return hex.EncodeToString(sum[:8]), nil
}

// manifestOf is manifest.json: the hash of each file by name.
func manifestOf(files map[string][]byte) ([]byte, error) {
	sums := map[string]string{}
	for name, body := range files {
		sum := sha1.Sum(body) //nolint:gosec // see the import
		sums[name] = hex.EncodeToString(sum[:])
	}
	return codec.Indent(sums)
}

// sign makes the detached PKCS #7 signature of the manifest, with the time of signing and
// both certificates.
func (id *Identity) sign(manifest []byte) ([]byte, error) {
	signed, err := pkcs7.NewSignedData(manifest)
	if err != nil {
		return nil, err
	}
	signed.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := signed.AddSignerChain(id.cert, id.key, []*x509.Certificate{id.wwdr}, pkcs7.SignerInfoConfig{}); err != nil {
		return nil, err
	}
	signed.Detach()
	return signed.Finish()
}

// epoch is the time of all files: the first that ZIP can say.
var epoch = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

// pack makes a ZIP file, with its files in the order of their names.
func pack(files map[string][]byte) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: epoch})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}

// stringsOf is pass.strings: the words of a language by the keys that pass.json has.
func stringsOf(o *walletapi.Order, w walletapi.Words) []byte {
	var b strings.Builder
	for _, s := range [][2]string{
		{"description", w.Ticket + ": " + o.Event}, {"when", w.When}, {"venue", w.Venue}, {"address", w.Address},
		{"section", w.Section}, {"row", w.Row}, {"seat", w.Seat}, {"holder", w.Holder}, {"tier", w.Tier}, {"reference", w.Reference},
		{"status", w.Status}, {"page", w.Page}, {"unknown", w.Unknown}, {"valid", w.Valid}, {"void", w.Void}, {"test", w.Test}, {"terms", w.Terms},
		{"new-date", w.NewDate}, {"new-venue", w.NewVenue}, {"new-seat", w.NewSeat}, {"new-section", w.NewSection},
	} {
		b.WriteString(quote(word(s[0])) + " = " + quote(s[1]) + ";\n")
	}
	return []byte(b.String())
}

// quote writes a text as strings files do.
func quote(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", "").Replace(text) + `"`
}
