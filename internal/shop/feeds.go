package shop

import (
	"encoding/xml"
	"net/url"
	"time"

	"boxoffice/internal/page"
)

// mapSize is how many addresses a site map may have (sitemaps.org).
const mapSize = 50_000 - 2 // the first one has the home page and the search too

const feedCaching = "public, max-age=600"

// robots tells search engines what to ignore (RFC 9309): addresses that are not
// pages, and personal pages. Checkouts need no mention, since nobody else can see
// them.
func (s *Shop) robots(v *page.Visit) error {
	return v.Send("text/plain; charset=utf-8", feedCaching, []byte(`User-agent: *
Disallow: /account
Disallow: /bookings
Disallow: /orders
Disallow: /organizer
Disallow: /pay/
Disallow: /payments
Disallow: /users

Sitemap: `+v.URL("/sitemap.xml")+"\n"))
}

// The documents of sitemaps.org.
type (
	mapEntry struct {
		Loc     string `xml:"loc"`
		LastMod string `xml:"lastmod,omitempty"` // W3C date and time
	}
	urlSet struct {
		XMLName xml.Name   `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 urlset"`
		URLs    []mapEntry `xml:"url"`
	}
	mapIndex struct {
		XMLName xml.Name   `xml:"http://www.sitemaps.org/schemas/sitemap/0.9 sitemapindex"`
		Maps    []mapEntry `xml:"sitemap"`
	}
)

// sitemap lists the coming events or, if they do not fit into one map, the maps that
// list them.
func (s *Shop) sitemap(v *page.Visit) error {
	return s.mapOf(v, mapSize)
}

func (s *Shop) mapOf(v *page.Visit, size int) error {
	from := v.Request.URL.Query().Get("from")
	if from == "" {
		starts, err := s.Events.MapPages(v.Context(), size)
		if err != nil {
			return err
		}
		if len(starts) > 1 {
			index := mapIndex{}
			for _, id := range starts {
				index.Maps = append(index.Maps, mapEntry{Loc: v.URL("/sitemap.xml?from=" + url.QueryEscape(id))})
			}
			return sendXML(v, index)
		}
	}
	list, err := s.Events.MapPage(v.Context(), from, size)
	if err != nil {
		return err
	}
	set := urlSet{}
	if from == "" {
		set.URLs = append(set.URLs, mapEntry{Loc: v.URL("/")}, mapEntry{Loc: v.URL("/search")})
	}
	for _, m := range list {
		set.URLs = append(set.URLs, mapEntry{v.URL(pathOf(m.ID, m.Title)), m.Changed.Format(time.RFC3339)})
	}
	return sendXML(v, set)
}

func sendXML(v *page.Visit, doc any) error {
	raw, err := xml.Marshal(doc)
	if err != nil {
		return err
	}
	return v.Send("application/xml; charset=utf-8", feedCaching, append([]byte(xml.Header), raw...))
}
