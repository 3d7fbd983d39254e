// Go's ServeMux: "P pattern" registers, "R method host target" asks, "." begins anew. Each of the first two is answered by
// a line.
package main

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
)

var place = regexp.MustCompile(` \(registered at [^)]*\)`)

func register(mux *http.ServeMux, pattern string) (answer string) {
	defer func() {
		if p := recover(); p != nil {
			text := place.ReplaceAllString(fmt.Sprint(p), "")
			answer = "refused " + strings.ReplaceAll(text, "\n", " ")
		}
	}()
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		answer := "pattern " + r.Pattern
		for _, name := range []string{"x", "y", "rest"} {
			if strings.Contains(r.Pattern, "{"+name) {
				answer += fmt.Sprintf(" %s=%q", name, r.PathValue(name))
			}
		}
		w.Header().Set("X-Answer", answer)
	})
	return "ok"
}

func ask(mux *http.ServeMux, line string) string {
	parts := strings.SplitN(line, " ", 3)
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", parts[0], parts[2], parts[1])
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
	if err != nil {
		return "400"
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	h := w.Result().Header
	return fmt.Sprintf("%d location=%s allow=%s %s", w.Code, h.Get("Location"), h.Get("Allow"), h.Get("X-Answer"))
}

func main() {
	mux := http.NewServeMux()
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		line := in.Text()
		switch {
		case line == ".":
			mux = http.NewServeMux()
		case strings.HasPrefix(line, "P "):
			fmt.Println(register(mux, line[2:]))
		default:
			fmt.Println(ask(mux, line[2:]))
		}
	}
}
