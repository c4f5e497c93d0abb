// Package paper renders invoices, credit notes and settlements as PDFs on pages of A4.
// Their words are in words; texts of strangers may be in any script.
package paper
