// The twin of nh-serve --root in Go: a tree of files, one content with any conditions, one file by its name, redirects.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "HOST:PORT")
	root := flag.String("root", ".", "directory")
	flag.Parse()
	mux := http.NewServeMux()
	mux.Handle("/files/", http.StripPrefix("/files", http.FileServer(http.Dir(*root))))
	mux.HandleFunc("/file/", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(*root, r.URL.Query().Get("name")))
	})
	mux.HandleFunc("/content", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		size, _ := strconv.Atoi(q.Get("size"))
		mtime, _ := strconv.ParseInt(q.Get("mtime"), 10, 64)
		for name, field := range map[string]string{"etag": "Etag", "type": "Content-Type", "cache": "Cache-Control", "coding": "Content-Encoding"} {
			if q.Has(name) {
				w.Header().Set(field, q.Get(name))
			}
		}
		var at time.Time
		if mtime != 0 {
			at = time.Unix(mtime, 0)
		}
		content := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		http.ServeContent(w, r, q.Get("name"), at, strings.NewReader(content))
	})
	mux.HandleFunc("/to/", func(w http.ResponseWriter, r *http.Request) {
		code, _ := strconv.Atoi(r.URL.Query().Get("code"))
		http.Redirect(w, r, r.URL.Query().Get("url"), code)
	})
	inner := http.NewServeMux()
	inner.HandleFunc("GET /a/{x}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s %s %s", r.Pattern, r.PathValue("x"), r.PathValue("site"), r.URL.Path)
	})
	mux.Handle("/sites/{site}/", http.StripPrefix("/sites/s", inner))
	mux.Handle("/semicolons/", http.AllowQuerySemicolons(http.HandlerFunc(form)))
	mux.HandleFunc("/form", form)
	ln, err := net.Listen("tcp", *listen)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("listening on http://%s\n", ln.Addr())
	fmt.Fprintln(os.Stderr, http.Serve(ln, mux))
}

func form(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), 400)
		return
	}
	fmt.Fprintf(w, "%s|%s", r.Form.Encode(), r.PostForm.Encode())
}
