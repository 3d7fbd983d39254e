// heads URL-BASE sends a table of requests over HTTP/2 in the clear, one after the other, to a server that describes
// them, and prints `NAME STATUS` for each. What handlers saw is then to be had from /described.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// stream hides the length of a reader.
type stream struct{ io.Reader }

type row struct {
	name, method, target, host string
	body                       io.Reader
	header, trailer            http.Header
}

var large = strings.Repeat("0123456789abcdef", 20000)

var rows = []row{
	{name: "get", method: "GET", target: "/hello"},
	{name: "query", method: "GET", target: "/hello?a=1&b=%20&&c"},
	{name: "empty-query", method: "GET", target: "/hello?"},
	{name: "escapes", method: "GET", target: "/url/a%20b%2Fc%41%7e?x=%41"},
	{name: "brackets", method: "GET", target: "/url/[x]!$&'()*+,;=:@"},
	{name: "high-bytes", method: "GET", target: "/url/\xc3\xa9"},
	{name: "not-found", method: "GET", target: "/nowhere"},
	{name: "clean", method: "GET", target: "/a/../hello"},
	{name: "head", method: "HEAD", target: "/hello"},
	{name: "own-method", method: "BREW", target: "/hello"},
	{name: "options", method: "OPTIONS", target: "/hello"},
	{name: "host", method: "GET", target: "/hello", host: "Other.Example:81"},
	{name: "host-ipv6", method: "GET", target: "/hello", host: "[::1]:8080"},
	{name: "fields", method: "GET", target: "/headers", header: http.Header{
		"X-A": {"1", "2", ""}, "x_b": {"c"}, "X-High": {"\xc3\xa9\xff"}, "X-Inner": {"a \t b"}, "Accept": {"*/*"}}},
	{name: "cookies", method: "GET", target: "/headers", header: http.Header{"Cookie": {"a=1; b=2", "c=3"}}},
	{name: "te", method: "GET", target: "/headers", header: http.Header{"Te": {"trailers"}}},
	{name: "pragma", method: "GET", target: "/headers", header: http.Header{"Pragma": {"x"}}},
	{name: "many-fields", method: "GET", target: "/headers", header: many(100)},
	{name: "large-field", method: "GET", target: "/headers", header: http.Header{"X-Large": {large[:60000]}}},
	{name: "no-agent", method: "GET", target: "/headers", header: http.Header{"User-Agent": {""}}},
	{name: "close", method: "GET", target: "/hello", header: http.Header{"Connection": {"close"}}},
	{name: "empty-post", method: "POST", target: "/sink", body: http.NoBody},
	{name: "length", method: "POST", target: "/sink", body: strings.NewReader("body")},
	{name: "no-length", method: "POST", target: "/sink", body: stream{strings.NewReader("body")}},
	{name: "no-length-empty", method: "POST", target: "/sink", body: stream{strings.NewReader("")}},
	{name: "large", method: "PUT", target: "/sink", body: strings.NewReader(large)},
	{name: "large-echo", method: "POST", target: "/echo", body: stream{strings.NewReader(large)}},
	{name: "limit", method: "POST", target: "/limit", body: strings.NewReader(large[:1024])},
	{name: "over-limit", method: "POST", target: "/limit", body: strings.NewReader(large[:1025])},
	{name: "get-body", method: "GET", target: "/sink", body: strings.NewReader("body")},
	{name: "trailer", method: "POST", target: "/sink", body: stream{strings.NewReader("body")},
		trailer: http.Header{"X-Sum": {"4"}, "X-Twice": {"a", "b"}}},
	{name: "expect", method: "POST", target: "/sink", body: strings.NewReader("body"),
		header: http.Header{"Expect": {"100-continue"}}},
}

func many(n int) http.Header {
	h := http.Header{}
	for i := range n {
		h.Add(fmt.Sprintf("X-%d", i%50), fmt.Sprint(i))
	}
	return h
}

func (row row) request(base *url.URL) (*http.Request, error) {
	target, err := url.ParseRequestURI(row.target)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(row.method, base.ResolveReference(&url.URL{Path: "/"}).String(), row.body)
	if err != nil {
		return nil, err
	}
	target.Scheme, target.Host = base.Scheme, base.Host
	// Both servers are to be asked for the same host.
	r.URL, r.Host, r.Trailer = target, "h.example", row.trailer
	if row.host != "" {
		r.Host = row.host
	}
	if row.header != nil {
		r.Header = row.header
	}
	return r, nil
}

func main() {
	base, err := url.Parse(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, ExpectContinueTimeout: 5 * time.Second}
	for _, row := range rows {
		r, err := row.request(base)
		if err != nil {
			fmt.Fprintln(os.Stderr, row.name, err)
			os.Exit(2)
		}
		resp, err := transport.RoundTrip(r)
		if err != nil {
			fmt.Println(row.name, "error")
			continue
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		fmt.Println(row.name, resp.StatusCode)
	}
}
