// Answers, line by line, what Go makes of values: `op hex [hex]` in, hex fields or `err hex` out.
package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

func h(s string) string {
	if s == "" {
		return "-"
	}
	return hex.EncodeToString([]byte(s))
}

func fields(s ...string) string {
	for i := range s {
		s[i] = h(s[i])
	}
	return strings.Join(s, " ")
}

func fail(err error) string { return "err " + h(err.Error()) }

func show(u *url.URL, err error) string {
	if err != nil {
		return fail(err)
	}
	user, pass, has := "", "", "0"
	if u.User != nil {
		user = u.User.Username()
		if p, ok := u.User.Password(); ok {
			pass, has = p, "1"
		}
	}
	return fields(u.Scheme, u.Opaque, user, pass, has, u.Host, u.Hostname(), u.Port(), u.Path, u.EscapedPath(),
		u.RawQuery, u.Fragment, u.String(), u.Redacted(), u.RequestURI(), strconv.FormatBool(u.IsAbs()))
}

func values(v url.Values, err error) string {
	text := ""
	if err != nil {
		text = err.Error()
	}
	return fields(text, v.Encode())
}

func text(s string, err error) string {
	if err != nil {
		return fail(err)
	}
	return fields(s)
}

// hostHeader is the Host field that a request to this host would carry.
func hostHeader(host string) string {
	var out bytes.Buffer
	r := &http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: host}, Header: http.Header{}}
	if err := r.Write(&out); err != nil {
		return fail(err)
	}
	_, rest, _ := strings.Cut(out.String(), "\r\nHost: ")
	got, _, _ := strings.Cut(rest, "\r\n")
	return fields(got)
}

// parts are a multipart body's parts, as far as it is sound: four fields each, and at last whether it was.
func parts(body string) string {
	var out []string
	r := multipart.NewReader(strings.NewReader(body), "b")
	for {
		p, err := r.NextRawPart()
		if err == io.EOF {
			return fields(append(out, "whole")...)
		}
		if err != nil {
			return fields(append(out, "broken")...)
		}
		data, err := io.ReadAll(p)
		out = append(out, p.FormName(), p.FileName(), p.Header.Get("X"), string(data))
		if err != nil {
			return fields(append(out, "broken")...)
		}
	}
}

func answer(op, a, b string) string {
	switch op {
	case "parse":
		return show(url.Parse(a))
	case "target":
		return show(url.ParseRequestURI(a))
	case "resolve":
		base, err := url.Parse(a)
		if err != nil {
			return "bad"
		}
		ref, err := url.Parse(b)
		if err != nil {
			return "bad"
		}
		return show(base.ResolveReference(ref), nil)
	case "join":
		base, err := url.Parse(a)
		if err != nil {
			return "bad"
		}
		if _, err := url.JoinPath(a, b); err != nil {
			return "err " + h(err.Error())
		}
		return show(base.JoinPath(b), nil)
	case "query":
		return values(url.ParseQuery(a))
	case "qescape":
		return fields(url.QueryEscape(a))
	case "pescape":
		return fields(url.PathEscape(a))
	case "hescape":
		return fields(html.EscapeString(a))
	case "qunescape":
		return text(url.QueryUnescape(a))
	case "punescape":
		return text(url.PathUnescape(a))
	case "quote":
		return fields(strconv.Quote(a))
	case "canonical":
		return fields(http.CanonicalHeaderKey(a))
	case "sniff":
		return fields(http.DetectContentType([]byte(a)))
	case "status":
		n, _ := strconv.Atoi(a)
		return fields(http.StatusText(n))
	case "date":
		n, _ := strconv.ParseInt(a, 10, 64)
		return fields(time.Unix(n, 0).UTC().Format(http.TimeFormat))
	case "parsedate":
		t, err := http.ParseTime(a)
		if err != nil {
			return "err -"
		}
		return fields(strconv.FormatInt(t.Unix(), 10))
	case "basic":
		r := &http.Request{Header: http.Header{"Authorization": {a}}}
		user, pass, ok := r.BasicAuth()
		if !ok {
			return "err -"
		}
		return fields(user, pass)
	case "parts":
		return parts(a)
	case "host":
		return hostHeader(a)
	}
	return "unknown"
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<24)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		var parts [3]string
		for i, f := range strings.Fields(in.Text()) {
			if i == 0 || f == "-" {
				if i == 0 {
					parts[0] = f
				}
				continue
			}
			b, err := hex.DecodeString(f)
			if err != nil {
				panic(err)
			}
			parts[i] = string(b)
		}
		fmt.Fprintln(out, answer(parts[0], parts[1], parts[2]))
	}
}
