package settings

import (
	"errors"
	"fmt"
)

// Wallets are the certificates and keys for passes.
type Wallets struct {
	ApplePassCert string `name:"apple-pass-cert" help:"File with the pass certificate for Apple Wallet (PEM, or DER as Apple offers it). Tickets can then be added to Apple Wallet; goes with --apple-pass-key and --apple-wwdr." unset:"there are no passes for Apple Wallet" placeholder:"FILE"`
	ApplePassKey  string `name:"apple-pass-key" help:"File with the private key of --apple-pass-cert (PEM, not encrypted)." placeholder:"FILE"`
	AppleWWDR     string `name:"apple-wwdr" help:"File with the certificate of Apple's authority that issued --apple-pass-cert (Worldwide Developer Relations; PEM or DER)." placeholder:"FILE"`

	GoogleWalletKey    string `name:"google-wallet-key" help:"Key file of the service account for Google Wallet (JSON, from Google Cloud). Tickets can then be added to Google Wallet; goes with --google-wallet-issuer." unset:"there are no passes for Google Wallet" placeholder:"FILE"`
	GoogleWalletIssuer string `name:"google-wallet-issuer" help:"Issuer ID in Google's Pay and Wallet Console. Example: 3388000000022000000." placeholder:"ID"`
}

// check refuses settings of which one lacks another.
func (w *Wallets) check() error {
	for _, group := range [][][2]string{
		{{"--apple-pass-cert", w.ApplePassCert}, {"--apple-pass-key", w.ApplePassKey}, {"--apple-wwdr", w.AppleWWDR}},
		{{"--google-wallet-key", w.GoogleWalletKey}, {"--google-wallet-issuer", w.GoogleWalletIssuer}},
	} {
		for _, given := range group {
			for _, other := range group {
				if given[1] != "" && other[1] == "" {
					return Error{WrongUsage, other[0], fmt.Errorf("%s is missing: it goes with %s", other[0], given[0])}
				}
			}
		}
	}
	if id := w.GoogleWalletIssuer; id != "" && !onlyDigits(id) {
		return Error{WrongUsage, "--google-wallet-issuer", errors.New("--google-wallet-issuer: an issuer ID has only digits, such as 3388000000022000000")}
	}
	return nil
}
