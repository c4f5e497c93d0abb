// Package folder writes mails as files (.eml), which any mail program opens, instead of
// sending them, and shows them as they will look: for demos, tests, and servers without
// a mail server.
package folder
