// Oracle renews the "=" lines of the tables beside it with what Go does: go run oracle.go requests.txt ...
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	server := httptest.NewUnstartedServer(http.HandlerFunc(describe))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	defer server.Close()
	for _, name := range os.Args[1:] {
		data, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		var out bytes.Buffer
		method := http.MethodGet
		for line := range strings.Lines(string(data)) {
			text := strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(text, "= ") {
				continue
			}
			out.WriteString(text + "\n")
			if m, ok := strings.CutPrefix(text, "@ "); ok {
				method = m
			}
			sent, ok := strings.CutPrefix(text, "> ")
			if !ok {
				continue
			}
			raw := unescape(sent)
			var answer string
			switch {
			case strings.HasSuffix(name, "requests.txt"):
				answer = ask(server.Listener.Addr().String(), raw)
			case strings.HasSuffix(name, "responses.txt"):
				answer = read(method, raw)
			default:
				answer = body(raw)
			}
			out.WriteString("= " + answer + "\n")
		}
		if err := os.WriteFile(name, out.Bytes(), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

func unescape(s string) string {
	raw, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`)
	if err != nil {
		log.Fatalf("%s: %v", s, err)
	}
	return raw
}

func framing(h http.Header, te []string, length int64, none bool) string {
	h.Del("Content-Length")
	switch {
	case none:
		return "None"
	case slices.Contains(te, "chunked"):
		return "Chunked"
	case length >= 0:
		return fmt.Sprintf("Length(%d)", length)
	}
	return "UntilClose"
}

func fields(h http.Header, skip ...string) string {
	var all []string
	for name, values := range h {
		for _, v := range values {
			if !slices.Contains(skip, name) {
				all = append(all, fmt.Sprintf(" %s=%s", name, v))
			}
		}
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

var plain = []string{"Connection", "Expect", "Trailer"}

func describe(w http.ResponseWriter, r *http.Request) {
	keep := "keep"
	if r.Close {
		keep = "close"
	}
	shape := framing(r.Header, r.TransferEncoding, r.ContentLength, r.Body == http.NoBody)
	w.Header().Set("Seen", fmt.Sprintf("%s %s %d.%d %s %s host=%s%s", r.Method, r.RequestURI, r.ProtoMajor,
		r.ProtoMinor, shape, keep, r.Host, fields(r.Header, plain...)))
}

func ask(addr, raw string) string {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	io.WriteString(conn, raw)
	conn.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "nothing"
	}
	text, _ := io.ReadAll(resp.Body)
	answer := fmt.Sprintf("%d %s%s", resp.StatusCode, resp.Header.Get("Seen"), text)
	return strings.TrimSpace(escape(answer))
}

func escape(s string) string {
	var out strings.Builder
	for _, b := range []byte(s) {
		switch {
		case b == '\\':
			out.WriteString(`\\`)
		case b == '\t':
			out.WriteString(`\t`)
		case b < ' ' || b >= 0x7f:
			fmt.Fprintf(&out, `\x%02x`, b)
		default:
			out.WriteByte(b)
		}
	}
	return out.String()
}

func read(method, raw string) string {
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(raw)), &http.Request{Method: method})
	if err != nil {
		return escape("error: " + err.Error())
	}
	keep := "keep"
	if resp.Close {
		keep = "close"
	}
	shape := framing(resp.Header, resp.TransferEncoding, resp.ContentLength, resp.Body == http.NoBody)
	return escape(fmt.Sprintf("%d [%s] %d.%d %s %s length=%d%s", resp.StatusCode, resp.Status, resp.ProtoMajor,
		resp.ProtoMinor, shape, keep, resp.ContentLength, fields(resp.Header, plain...)))
}

func body(raw string) string {
	rest := bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw))
	resp, err := http.ReadResponse(rest, nil)
	if err != nil {
		log.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return escape(fmt.Sprintf("%s error: %v", data, err))
	}
	left, _ := io.ReadAll(rest)
	return escape(fmt.Sprintf("%s left=%d%s", data, len(left), fields(resp.Trailer)))
}
