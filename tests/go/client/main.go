// Go's client against nh-serve: client URL-BASE runs each check and prints `ok NAME` or `FAIL NAME: reason`.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"strings"
	"sync"
	"time"
)

var base string
var failed bool

func check(name string, f func() error) {
	if err := f(); err != nil {
		failed = true
		fmt.Printf("FAIL %s: %v\n", name, err)
		return
	}
	fmt.Printf("ok %s\n", name)
}

// exchange sends one request and returns the response with its whole body.
func exchange(method, path string, body io.Reader, edit func(*http.Request)) (*http.Response, []byte, error) {
	req, err := http.NewRequest(method, base+path, body)
	if err != nil {
		return nil, nil, err
	}
	if edit != nil {
		edit(req)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, b, err
}

func want(resp *http.Response, body []byte, err error, status int, text string) error {
	if err != nil {
		return err
	}
	if resp.StatusCode != status {
		return fmt.Errorf("status %d, want %d", resp.StatusCode, status)
	}
	if string(body) != text {
		return fmt.Errorf("body of %d bytes is not the expected one of %d", len(body), len(text))
	}
	return nil
}

// stream hides the length of a reader, so that the client sends chunks.
type stream struct{ io.Reader }

func main() {
	base = strings.TrimSuffix(os.Args[1], "/")
	http.DefaultTransport.(*http.Transport).ExpectContinueTimeout = 5 * time.Second
	http.DefaultClient.Timeout = 60 * time.Second
	http.DefaultClient.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	large := strings.Repeat("0123456789abcdef", 1<<17)

	check("get", func() error {
		r, b, err := exchange("GET", "/hello", nil, nil)
		return want(r, b, err, 200, "hello")
	})
	check("head", func() error {
		r, b, err := exchange("HEAD", "/bytes?n=1000", nil, nil)
		if err == nil && r.ContentLength != 1000 {
			return fmt.Errorf("content length %d", r.ContentLength)
		}
		return want(r, b, err, 200, "")
	})
	check("not-found", func() error {
		r, _, err := exchange("GET", "/nowhere", nil, nil)
		if err == nil && r.StatusCode != 404 {
			return fmt.Errorf("status %d", r.StatusCode)
		}
		return err
	})
	check("post", func() error {
		r, b, err := exchange("POST", "/echo", strings.NewReader(large), nil)
		return want(r, b, err, 200, large)
	})
	check("post-chunked", func() error {
		r, b, err := exchange("POST", "/echo", stream{strings.NewReader(large)}, nil)
		return want(r, b, err, 200, large)
	})
	check("expect-continue", func() error {
		r, b, err := exchange("POST", "/echo", strings.NewReader(large), func(r *http.Request) {
			r.Header.Set("Expect", "100-continue")
		})
		return want(r, b, err, 200, large)
	})
	check("request-trailer", func() error {
		r, b, err := exchange("POST", "/echo", stream{strings.NewReader("body")}, func(r *http.Request) {
			r.Trailer = http.Header{"X-Sum": {"4"}}
		})
		return want(r, b, err, 200, "body")
	})
	check("response-trailer", func() error {
		r, b, err := exchange("GET", "/trailers", nil, nil)
		if err == nil && r.Trailer.Get("X-Sum") != "8" {
			return fmt.Errorf("trailer %v", r.Trailer)
		}
		return want(r, b, err, 200, "trailers")
	})
	check("limit", func() error {
		r, _, err := exchange("POST", "/limit", strings.NewReader(large[:2000]), nil)
		if err == nil && r.StatusCode != 413 {
			return fmt.Errorf("status %d", r.StatusCode)
		}
		return err
	})
	check("big", func() error {
		_, b, err := exchange("GET", "/big", nil, nil)
		if err == nil && sha256.Sum256(b) != sha256.Sum256([]byte(large[:1<<20])) {
			return fmt.Errorf("wrong body of %d bytes", len(b))
		}
		return err
	})
	check("cut-body", func() error {
		_, b, err := exchange("GET", "/panic?mid=1", nil, nil)
		cut := err == io.ErrUnexpectedEOF || (err != nil && strings.Contains(err.Error(), "INTERNAL_ERROR"))
		if !cut || string(b) != "partial" {
			return fmt.Errorf("body %q, error %v", b, err)
		}
		return nil
	})
	check("no-answer", func() error {
		if _, _, err := exchange("GET", "/panic", nil, nil); err == nil {
			return fmt.Errorf("no error")
		}
		return nil
	})
	check("redirect", func() error {
		r, _, err := exchange("GET", "/redirect?to=/hello", nil, nil)
		if err == nil && (r.StatusCode != 302 || r.Header.Get("Location") != "/hello") {
			return fmt.Errorf("status %d to %q", r.StatusCode, r.Header.Get("Location"))
		}
		return err
	})
	check("keep-alive", func() error {
		for i := 0; i < 20; i++ {
			reused := false
			trace := &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }}
			r, b, err := exchange("GET", "/hello", nil, func(r *http.Request) {
				*r = *r.WithContext(httptrace.WithClientTrace(context.Background(), trace))
			})
			if err := want(r, b, err, 200, "hello"); err != nil {
				return err
			}
			if i > 0 && !reused {
				return fmt.Errorf("request %d dialed anew", i)
			}
		}
		return nil
	})
	check("full-duplex", func() error {
		pr, pw := io.Pipe()
		req, _ := http.NewRequest("POST", base+"/echo", pr)
		first := make(chan error, 1)
		go func() {
			_, err := pw.Write([]byte("one"))
			first <- err
		}()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if err := <-first; err != nil {
			return err
		}
		buf := make([]byte, 3)
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "one" {
			return fmt.Errorf("first answer %q, %v", buf, err)
		}
		go func() { pw.Write([]byte("two")); pw.Close() }()
		rest, err := io.ReadAll(resp.Body)
		if err != nil || string(rest) != "two" {
			return fmt.Errorf("second answer %q, %v", rest, err)
		}
		return nil
	})
	check("concurrent", func() error {
		var wg sync.WaitGroup
		errs := make(chan error, 32)
		for g := 0; g < 32; g++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for i := 0; i < 50; i++ {
					body := fmt.Sprintf("%d-%d", g, i)
					r, b, err := exchange("POST", "/echo", bytes.NewReader([]byte(body)), nil)
					if err := want(r, b, err, 200, body); err != nil {
						errs <- err
						return
					}
				}
			}()
		}
		wg.Wait()
		close(errs)
		return <-errs
	})
	if failed {
		os.Exit(1)
	}
}
