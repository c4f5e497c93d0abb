package paymentapi

// Form is how buyers choose a method on the pay page: by its buttons, which work without
// scripts, or in the gateway's own fields. The zero value has no way to pay.
type Form struct {
	Buttons   []string // each stands for the method that it names; their words are pay.METHOD.go and pay.METHOD.text
	Simulated bool     // the buttons say how the payment ends
	Fields    *Fields  // nil: none
}

// Fields are the gateway's own fields for cards and wallets. Its script makes them, in
// frames of the gateway's, so that this server and its pages never see a card number.
type Fields struct {
	Library string            // URL of the gateway's script
	Script  []byte            // ours, a module, which puts the fields into the form [data-pay] and the token into its input token
	Public  map[string]string // values for it, as data-NAME of the form; data-amount, data-currency and data-return are there, too
	Scripts []string          // origins of the gateway's scripts, for the page's Content-Security-Policy
	Frames  []string          // of its frames, which may ask for payments, such as by Apple Pay
	Hosts   []string          // with which its scripts talk
	Images  []string
}
