// The twin of nh-serve in Go: the same flags and routes, so that one corpus of raw requests can be sent to
// both and the answers compared. It is the reference of tests/go/run and a peer of tests/peers/run.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// seen records what reached the mux, in order.
type seen struct {
	mu    sync.Mutex
	lines []string
}

// record wraps the mux; /seen and /reset themselves are not counted.
func (s *seen) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/seen" && r.URL.Path != "/reset" && r.RequestURI != "/described" {
			s.mu.Lock()
			s.lines = append(s.lines, r.Method+" "+r.RequestURI)
			s.mu.Unlock()
			told.head(r)
			defer told.over(r)
		}
		next.ServeHTTP(w, r)
	})
}

func (s *seen) list(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	out := fmt.Sprintf("%d\n", len(s.lines))
	for _, l := range s.lines {
		out += l + "\n"
	}
	s.mu.Unlock()
	plain(w, http.StatusOK, out)
}

func (s *seen) reset(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.lines = nil
	s.mu.Unlock()
	told.reset()
	plain(w, http.StatusOK, "reset\n")
}

func text(w http.ResponseWriter, body string) {
	io.WriteString(w, body)
}

func plain(w http.ResponseWriter, code int, body string) {
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(code)
	io.WriteString(w, body)
}

// refuseBody answers a body that broke, or was too long, before anything was sent.
func refuseBody(w http.ResponseWriter, err error) {
	w.Header().Set("Connection", "close")
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		plain(w, http.StatusRequestEntityTooLarge, "request body too large\n")
		return
	}
	plain(w, http.StatusBadRequest, "bad request body\n")
}

func echo(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	rc.EnableFullDuplex()
	buf := make([]byte, 16<<10)
	sent := false
	b := told.body(r)
	for {
		n, err := r.Body.Read(buf)
		if n > 0 {
			sent = true
			b.add(buf[:n])
			if _, werr := w.Write(buf[:n]); werr != nil {
				b.end(r, werr)
				panic(http.ErrAbortHandler)
			}
			rc.Flush()
		}
		if err != nil {
			b.end(r, err)
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			if sent {
				panic(http.ErrAbortHandler)
			}
			refuseBody(w, err)
			return
		}
	}
}

func limit(w http.ResponseWriter, r *http.Request) {
	b := told.body(r)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1024))
	b.add(body)
	b.end(r, err)
	if err != nil {
		refuseBody(w, err)
		return
	}
	text(w, string(body))
}

func sink(w http.ResponseWriter, r *http.Request) {
	b := told.body(r)
	_, err := io.Copy(b, r.Body)
	b.end(r, err)
	if err != nil {
		refuseBody(w, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

func headers(w http.ResponseWriter, r *http.Request) {
	var lines []string
	for name, values := range r.Header {
		for _, v := range values {
			lines = append(lines, name+": "+v+"\n")
		}
	}
	sort.Strings(lines)
	plain(w, http.StatusOK, strings.Join(lines, ""))
}

var sixteen = []byte("0123456789abcdef")

func big(w http.ResponseWriter, r *http.Request) {
	w.Write(bytes.Repeat(sixteen, 1<<16))
}

// number is a query parameter from 0 to most.
func number(r *http.Request, name string, absent, most int64) (int64, bool) {
	q := r.URL.Query()
	if !q.Has(name) {
		return absent, true
	}
	n, err := strconv.ParseUint(q.Get(name), 10, 62)
	return int64(n), err == nil && int64(n) <= most
}

func byteCount(w http.ResponseWriter, r *http.Request) {
	n, ok := number(r, "n", 0, 1<<40)
	if !ok {
		plain(w, http.StatusBadRequest, "n must be a number of bytes\n")
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
	block := make([]byte, 64<<10)
	for n > 0 {
		k := min(n, int64(len(block)))
		if _, err := w.Write(block[:k]); err != nil {
			return
		}
		n -= k
	}
}

func sleep(w http.ResponseWriter, r *http.Request) {
	ms, ok := number(r, "ms", 300, 3600*1000)
	if !ok {
		plain(w, http.StatusBadRequest, "ms must be a number of milliseconds\n")
		return
	}
	time.Sleep(time.Duration(ms) * time.Millisecond)
	text(w, "slept")
}

func crash(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("mid") == "1" {
		text(w, "partial")
		w.(http.Flusher).Flush()
	}
	panic(http.ErrAbortHandler)
}

func trailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Sum")
	text(w, "trailers")
	w.(http.Flusher).Flush()
	w.Header().Set("X-Sum", "8")
}

func setHeader(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	w.Header().Set(q.Get("k"), q.Get("v"))
	io.WriteString(w, "set")
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "HOST:PORT")
	maxHeader := flag.Int("max-header-bytes", 0, "limit of a request's head, 0: the default")
	headMS := flag.Int64("read-header-timeout", 10000, "ms")
	readMS := flag.Int64("read-timeout", 0, "ms")
	writeMS := flag.Int64("write-timeout", 0, "ms")
	idleMS := flag.Int64("idle-timeout", 120000, "ms")
	flag.Int("shards", 0, "ignored")
	flag.BoolVar(&told.on, "describe", false, "keep all that handlers see, for /described")
	cert := flag.String("tls-cert", "", "serve TLS with this certificate")
	key := flag.String("tls-key", "", "its key")
	h2c := flag.Bool("h2c", false, "speak HTTP/2 without TLS too")
	flag.Parse()

	var s seen
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { text(w, "hello") })
	mux.HandleFunc("/plaintext", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "Hello, World!")
	})
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"message":"Hello, World!"}`)
	})
	mux.HandleFunc("/echo", echo)
	mux.HandleFunc("/limit", limit)
	mux.HandleFunc("/sink", sink)
	mux.HandleFunc("/headers", headers)
	mux.HandleFunc("/seen", s.list)
	mux.HandleFunc("/reset", s.reset)
	mux.HandleFunc("/described", told.show)
	mux.HandleFunc("/big", big)
	mux.HandleFunc("/bytes", byteCount)
	mux.HandleFunc("/slow", sleep)
	mux.HandleFunc("/sleep", sleep)
	mux.HandleFunc("/panic", crash)
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", r.URL.Query().Get("to"))
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/trailers", trailers)
	mux.HandleFunc("/tree/", func(w http.ResponseWriter, r *http.Request) { text(w, "tree:"+r.URL.Path) })
	mux.HandleFunc("/sethdr", setHeader)
	same := http.NewCrossOriginProtection()
	same.AddTrustedOrigin("https://trusted.example")
	same.AddInsecureBypassPattern("POST /guarded/open/{x}")
	mux.Handle("/guarded/", same.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { text(w, "hello") })))
	mux.HandleFunc("/url/", func(w http.ResponseWriter, r *http.Request) { plain(w, http.StatusOK, r.URL.String()) })

	ms := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	srv := &http.Server{
		Handler:           s.record(mux),
		MaxHeaderBytes:    *maxHeader,
		ReadHeaderTimeout: ms(*headMS),
		ReadTimeout:       ms(*readMS),
		WriteTimeout:      ms(*writeMS),
		IdleTimeout:       ms(*idleMS),
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on http://%s\n", ln.Addr())
	done := make(chan struct{})
	go func() {
		sig := make(chan os.Signal, 1)
		signal.Notify(sig, os.Interrupt, syscall.SIGTERM)
		<-sig
		srv.Shutdown(context.Background())
		close(done)
	}()
	if *h2c {
		srv.Protocols = new(http.Protocols)
		srv.Protocols.SetHTTP1(true)
		srv.Protocols.SetUnencryptedHTTP2(true)
	}
	serve := func() error { return srv.Serve(ln) }
	if *cert != "" {
		serve = func() error { return srv.ServeTLS(ln, *cert, *key) }
	}
	if err := serve(); err != http.ErrServerClosed {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	<-done
}
