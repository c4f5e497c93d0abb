package wallet

import (
	"errors"
	"time"

	"boxoffice/internal/settings"
	"boxoffice/internal/wallet/apple"
	"boxoffice/internal/wallet/google"
)

// Keys are what passes are signed with; nil: that wallet is not set up.
type Keys struct {
	Apple  *apple.Identity
	Google *google.Account
}

// Load reads the files that the settings name, and refuses those that cannot be used.
// Errors name the flag.
func Load(w settings.Wallets, now time.Time) (k Keys, err error) {
	if w.ApplePassCert != "" {
		k.Apple, err = apple.Load(apple.Files{Cert: w.ApplePassCert, Key: w.ApplePassKey, WWDR: w.AppleWWDR}, now)
		var f apple.Fault
		if errors.As(err, &f) {
			flag := map[apple.File]string{apple.Cert: "--apple-pass-cert", apple.Key: "--apple-pass-key", apple.WWDR: "--apple-wwdr"}[f.File]
			return Keys{}, settings.BadFlag(flag, "%w", f.Err)
		}
		if err != nil {
			return Keys{}, err
		}
	}
	if w.GoogleWalletKey != "" {
		if k.Google, err = google.Load(w.GoogleWalletKey, w.GoogleWalletIssuer); err != nil {
			return Keys{}, settings.BadFlag("--google-wallet-key", "%w", err)
		}
	}
	return k, nil
}

// Check refuses files that cannot be used, before anything is opened.
func Check(w settings.Wallets) error {
	_, err := Load(w, time.Now())
	return err
}
