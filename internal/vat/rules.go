package vat

import "strings"

// rules are those of the member states of the EU, of Northern Ireland and the rest of the
// United Kingdom, Norway and Switzerland, by country code. Their sources are the
// specifications of the tax offices as the EU publishes them for VIES.
var rules = map[string]rule{
	"AT": {"AT", "U99999999", austria},
	"BE": {"BE", "9999999999", func(n string) bool { return n[0] <= '1' && 97-number(n[:8])%97 == number(n[8:]) }},
	"BG": {"BG", "999999999 9999999999", bulgaria},
	"CY": {"CY", "99999999@", cyprus},
	"CZ": {"CZ", "99999999 999999999 9999999999", czechia},
	"DE": {"DE", "999999999", func(n string) bool { return n[0] != '0' && mod11and10(n) }},
	"DK": {"DK", "99999999", func(n string) bool { return n[0] != '0' && sum(n, 2, 7, 6, 5, 4, 3, 2, 1)%11 == 0 }},
	"EE": {"EE", "999999999", func(n string) bool { return sum(n, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0 }},
	"GR": {"EL", "999999999", func(n string) bool { return n != "000000000" && sum(n, 256, 128, 64, 32, 16, 8, 4, 2)%11%10 == last(n) }},
	"ES": {"ES", "#9999999#", spain},
	"FI": {"FI", "99999999", func(n string) bool { return sum(n, 7, 9, 10, 5, 8, 4, 2, 1)%11 == 0 }},
	"FR": {"FR", "##999999999", france},
	"HR": {"HR", "99999999999", mod11and10},
	"HU": {"HU", "99999999", func(n string) bool { return sum(n, 9, 7, 3, 1, 9, 7, 3, 1)%10 == 0 }},
	"IE": {"IE", "9999999@ 9999999@@ 9&99999@", ireland},
	"IT": {"IT", "99999999999", italy},
	"LT": {"LT", "999999999 999999999999", lithuania},
	"LU": {"LU", "99999999", func(n string) bool { return number(n[:6])%89 == number(n[6:]) }},
	"LV": {"LV", "99999999999", latvia},
	"MT": {"MT", "99999999", func(n string) bool { return n[0] != '0' && sum(n, 3, 4, 6, 7, 8, 9, 10, 1)%37 == 0 }},
	"NL": {"NL", "999999999B99", netherlands},
	"PL": {"PL", "9999999999", func(n string) bool { return sum(n, 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == last(n) }},
	"PT": {"PT", "999999999", func(n string) bool { return n[0] != '0' && (11-sum(n, 9, 8, 7, 6, 5, 4, 3, 2)%11)%11%10 == last(n) }},
	"RO": {"RO", "99 999 9999 99999 999999 9999999 99999999 999999999 9999999999", romania},
	"SE": {"SE", "999999999999", func(n string) bool { return n[10:] != "00" && luhn(n[:10]) }},
	"SI": {"SI", "99999999", slovenia},
	"SK": {"SK", "9999999999", func(n string) bool { return n[0] != '0' && strings.IndexByte("234789", n[2]) >= 0 && number(n)%11 == 0 }},

	"GB": {"GB", "999999999 999999999999 GD999 HA999", britain},
	"XI": {"XI", "999999999 999999999999 GD999 HA999", britain},
	"NO": {"NO", "999999999MVA", func(n string) bool { return (11-sum(n, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11 == int(n[8]-'0') }},
	"CH": {"CHE", "999999999 999999999MWST 999999999TVA 999999999IVA", func(n string) bool { return (11-sum(n, 5, 4, 3, 2, 7, 6, 5, 4)%11)%11 == int(n[8]-'0') }},
}

func austria(n string) bool {
	s := 4
	for i := 1; i <= 7; i++ {
		d := int(n[i] - '0')
		if i%2 == 0 {
			d = 2*d/10 + 2*d%10
		}
		s += d
	}
	return (10-s%10)%10 == last(n)
}

// bulgaria: nine digits are a company's; ten are a person's, a foreigner's, or of others.
func bulgaria(n string) bool {
	if len(n) == 9 {
		c := sum(n, 1, 2, 3, 4, 5, 6, 7, 8) % 11
		if c == 10 {
			c = sum(n, 3, 4, 5, 6, 7, 8, 9, 10) % 11 % 10
		}
		return c == last(n)
	}
	return sum(n, 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == last(n) ||
		sum(n, 21, 19, 17, 13, 11, 9, 7, 3, 1)%10 == last(n) ||
		(11-sum(n, 4, 3, 2, 7, 6, 5, 4, 3, 2)%11)%11 == last(n)
}

func cyprus(n string) bool {
	odd := [10]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21}
	s := 0
	for i := range 8 {
		d := int(n[i] - '0')
		if i%2 == 0 {
			d = odd[d]
		}
		s += d
	}
	return n[:2] != "12" && byte('A'+s%26) == n[8]
}

// czechia: eight digits are a company's; nine and ten are a person's, in nine of them
// there may be no check digit.
func czechia(n string) bool {
	switch {
	case len(n) == 8:
		c := (11 - sum(n, 8, 7, 6, 5, 4, 3, 2)%11) % 11
		if c == 0 {
			c = 1
		}
		return n[0] != '9' && c%10 == last(n)
	case len(n) == 9 && n[0] == '6':
		c := sum(n[1:], 8, 7, 6, 5, 4, 3, 2) % 11
		return (8-((10-c)%11+11)%11+10)%10 == last(n) || born(n)
	case len(n) == 9:
		return born(n)
	}
	return born(n) && number(n[:9])%11%10 == last(n)
}

// born reports whether a Czech number begins with a date: of women 50 is added to the
// month, and 20 if a day's numbers are used up.
func born(n string) bool {
	month, day := number(n[2:4])%50, number(n[4:6])
	if month > 20 {
		month -= 20
	}
	return month >= 1 && month <= 12 && day >= 1 && day <= 31
}

func spain(n string) bool {
	const people, companies = "TRWAGMYFPDXBNJZSQVHLCKE", "JABCDEFGHI"
	first, end := n[0], n[8]
	switch {
	case digit(first):
		return people[number(n[:8])%23] == end
	case strings.IndexByte("XYZ", first) >= 0:
		return people[(int(first-'X')*10_000_000+number(n[1:8]))%23] == end
	case strings.IndexByte("KLM", first) >= 0:
		return people[number(n[1:8])%23] == end
	case strings.IndexByte("ABCDEFGHJNPQRSUVW", first) < 0:
		return false
	}
	c := 0 // the digit that makes the seven others right
	for c < 10 && !luhn(n[1:8]+string(rune('0'+c))) {
		c++
	}
	if digit(end) {
		return strings.IndexByte("PQSNRW", first) < 0 && int(end-'0') == c
	}
	return strings.IndexByte("ABEH", first) < 0 && companies[c] == end
}

// france: the two characters before a company's number are its check digits; those of
// Monaco have another number.
func france(n string) bool {
	const alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	company := n[2:]
	if !luhn(company) && company[:3] != "000" {
		return false
	}
	if digit(n[0]) && digit(n[1]) {
		return mod97(company+"12") == number(n[:2])
	}
	a, b := at(alphabet, n[0]), at(alphabet, n[1])
	if a < 0 || b < 0 {
		return false
	}
	c := a*34 + b - 100
	if digit(n[0]) {
		c = a*24 + b - 10
	}
	return (number(company)+1+c/11)%11 == c%11
}

func ireland(n string) bool {
	const alphabet = "WABCDEFGHIJKLMNOPQRSTUV"
	more := 0
	if !digit(n[1]) { // the old form: its second character has moved to the end
		n = "0" + n[2:7] + n[:1] + n[7:]
	} else if len(n) == 9 {
		if more = at(alphabet, n[8]); more < 0 {
			return false
		}
	}
	return alphabet[(sum(n, 8, 7, 6, 5, 4, 3, 2)+9*more)%23] == n[7]
}

func italy(n string) bool {
	office := number(n[7:10])
	return n[:7] != "0000000" && (office >= 1 && office <= 100 || office == 120 || office == 121 || office == 888 || office == 999) && luhn(n)
}

func lithuania(n string) bool {
	if n[len(n)-2] != '1' {
		return false
	}
	weighed := func(from int) (s int) {
		for i := range len(n) - 1 {
			s += int(n[i]-'0') * (1 + (i+from)%9)
		}
		return s % 11
	}
	c := weighed(0)
	if c == 10 {
		c = weighed(2) % 10
	}
	return c == last(n)
}

// latvia: a company's number begins with more than 3. People's since 2017 begin with 32
// and have no check digit.
func latvia(n string) bool {
	switch {
	case n[0] > '3':
		return sum(n, 9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)%11 == 3
	case n[:2] == "32":
		return true
	}
	return (1+sum(n, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9))%11%10 == last(n)
}

// netherlands: numbers until 2019 contain one of the tax office, those since then are
// right as a whole.
func netherlands(n string) bool {
	old := sum(n, 9, 8, 7, 6, 5, 4, 3, 2) - int(n[8]-'0')
	return n[:9] != "000000000" && n[10:] != "00" && (old%11 == 0 || mod97("NL"+n) == 1)
}

func romania(n string) bool {
	if n[0] == '0' {
		return false
	}
	padded := strings.Repeat("0", 10-len(n)) + n
	return sum(padded, 7, 5, 3, 2, 1, 7, 5, 3, 2)*10%11%10 == last(n)
}

func slovenia(n string) bool {
	c := 11 - sum(n, 8, 7, 6, 5, 4, 3, 2)%11
	return n[0] != '0' && c != 11 && c%10 == last(n)
}

// britain: nine digits, perhaps with three of a branch; or of government departments and
// health authorities.
func britain(n string) bool {
	switch n[:2] {
	case "GD":
		return number(n[2:]) < 500
	case "HA":
		return number(n[2:]) >= 500
	}
	rest := sum(n, 8, 7, 6, 5, 4, 3, 2, 10, 1) % 97
	return n[:9] != "000000000" && (rest == 0 || rest == 42 && n[:3] >= "100")
}
