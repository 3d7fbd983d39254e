package main

import (
	"errors"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httputil"
	"sort"
	"strings"
	"sync"
)

// described is the twin of c-examples/nh-serve-described.h: the canonical text of each request that reached the
// mux, one line of `NUMBER NAME VALUE` for each thing that handlers see.
type described struct {
	on          bool
	mu          sync.Mutex
	lines       []string
	next, first int
	pending     int
	numbers     map[*http.Request]int // a copy of a request would miss its trailer
}

var told = described{numbers: map[*http.Request]int{}}

func escape(v string) string {
	var out strings.Builder
	for i := 0; i < len(v); i++ {
		if c := v[i]; c > 0x20 && c < 0x7f && c != '\\' {
			out.WriteByte(c)
		} else {
			fmt.Fprintf(&out, "\\x%02x", c)
		}
	}
	return out.String()
}

func (d *described) line(number int, name, value string) {
	d.lines = append(d.lines, fmt.Sprintf("%d %s %s\n", number, name, escape(value)))
}

// fields writes a header's fields by name, the values of each in their order.
func (d *described) fields(number int, kind string, h http.Header) {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if len(h[name]) == 0 {
			d.line(number, kind, name)
		}
		for _, v := range h[name] {
			d.line(number, kind, name+": "+v)
		}
	}
}

// head keeps what is known of a request before its body is read.
func (d *described) head(r *http.Request) {
	if !d.on {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	me := d.next
	d.next++
	d.line(me, "method", r.Method)
	d.line(me, "target", r.RequestURI)
	d.line(me, "url", r.URL.String())
	d.line(me, "path", r.URL.Path)
	d.line(me, "query", r.URL.RawQuery)
	d.line(me, "host", r.Host)
	d.line(me, "proto", fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor))
	d.line(me, "length", fmt.Sprint(r.ContentLength))
	d.line(me, "coding", strings.Join(r.TransferEncoding, ","))
	d.line(me, "close", map[bool]string{true: "1", false: "0"}[r.Close])
	d.fields(me, "field", r.Header)
	d.fields(me, "declared", r.Trailer)
	d.numbers[r] = me
}

func (d *described) over(r *http.Request) {
	d.mu.Lock()
	delete(d.numbers, r)
	d.mu.Unlock()
}

// reading is a body while it is read.
type reading struct {
	hash.Hash64
	len, number int
}

func (d *described) body(r *http.Request) *reading {
	b := &reading{Hash64: fnv.New64a()}
	d.mu.Lock()
	b.number = d.numbers[r]
	d.pending++
	d.mu.Unlock()
	return b
}

func (b *reading) add(p []byte) {
	if told.on {
		b.Hash64.Write(p)
		b.len += len(p)
	}
}

func (b *reading) Write(p []byte) (int, error) {
	b.add(p)
	return len(p), nil
}

// end keeps how the reading ended, and the trailer. Whether a vanished client left an end of file or a reset is the
// system's, so that both are "cut".
func (b *reading) end(r *http.Request, err error) {
	told.mu.Lock()
	defer told.mu.Unlock()
	told.pending--
	if !told.on || b.number < told.first {
		return
	}
	how := "broken"
	var tooLarge *http.MaxBytesError
	var network interface{ Timeout() bool }
	switch {
	case err == nil || err == io.EOF:
		how = "whole"
	case errors.As(err, &tooLarge) || errors.Is(err, httputil.ErrLineTooLong):
		how = "too large"
	case strings.Contains(err.Error(), "too much non-data") || strings.Contains(err.Error(), "suspiciously long"):
		how = "too large"
	case strings.Contains(err.Error(), "unexpected EOF") || errors.As(err, &network):
		how = "cut" // also "unexpected EOF reading trailer"
	}
	told.line(b.number, "body", fmt.Sprintf("%d,%016x,%s", b.len, b.Sum64(), how))
	told.fields(b.number, "trailer", r.Trailer)
}

func (d *described) show(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintf(w, "pending %d\n%s", d.pending, strings.Join(d.lines, ""))
}

func (d *described) reset() {
	d.mu.Lock()
	d.lines = nil
	d.first = d.next
	d.mu.Unlock()
}
