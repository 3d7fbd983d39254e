// The twin of nh-fetch for chains of redirects: redirects METHOD URL [-H 'K: V']... [-d BODY] [--jar]
// prints
// one line of JSON: the last status, the final URL, and the error's text.
package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"strings"
	"time"
)

func main() {
	method, url := os.Args[1], os.Args[2]
	var body io.Reader
	header := http.Header{}
	client := &http.Client{Timeout: 20 * time.Second}
	for i := 3; i < len(os.Args); i++ {
		switch os.Args[i] {
		case "-H":
			i++
			name, value, _ := strings.Cut(os.Args[i], ":")
			header.Add(name, strings.TrimSpace(value))
		case "-d":
			i++
			body = strings.NewReader(os.Args[i])
		case "--jar":
			client.Jar, _ = cookiejar.New(nil)
		}
	}
	out := struct {
		Status int    `json:"status"`
		URL    string `json:"url"`
		Error  string `json:"error"`
	}{}
	req, err := http.NewRequest(method, url, body)
	if err == nil {
		req.Header = header
		if host := header.Get("Host"); host != "" {
			req.Host = host
			header.Del("Host")
		}
		var resp *http.Response
		if resp, err = client.Do(req); resp != nil {
			out.Status, out.URL = resp.StatusCode, resp.Request.URL.String()
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	if err != nil {
		out.Error = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(out)
}
