// Go's client as nh-fetch's twin: reads a case a line from standard input, sends its request as often as it says on
// one client, and prints for each case one line: the list of what came of each request.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

type order struct {
	Method, URL, Body string
	Repeat, Timeout   int
	HTTP2             bool
}

type answer struct {
	Status     int        `json:"status"`
	Proto      string     `json:"proto"`
	Headers    [][]string `json:"headers"`
	BodyLen    int        `json:"body_len"`
	BodySHA256 string     `json:"body_sha256"`
	Error      string     `json:"error"`
}

// latin1 has each byte as a character, as nh-fetch prints it.
func latin1(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func fetch(client *http.Client, o order) answer {
	var a answer
	sum := sha256.Sum256(nil)
	a.BodySHA256 = hex.EncodeToString(sum[:])
	var body io.Reader
	if o.Body != "" {
		body = strings.NewReader(o.Body)
	}
	req, err := http.NewRequest(o.Method, o.URL, body)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	resp, err := client.Do(req)
	if err != nil {
		a.Error = err.Error()
		return a
	}
	defer resp.Body.Close()
	a.Status, a.Proto = resp.StatusCode, resp.Proto
	for k, vs := range resp.Header {
		for _, v := range vs {
			a.Headers = append(a.Headers, []string{k, latin1(v)})
		}
	}
	data, err := io.ReadAll(resp.Body)
	sum = sha256.Sum256(data)
	a.BodyLen, a.BodySHA256 = len(data), hex.EncodeToString(sum[:])
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var o order
		if err := json.Unmarshal(in.Bytes(), &o); err != nil {
			fmt.Println("[]")
			continue
		}
		transport := &http.Transport{MaxResponseHeaderBytes: 1 << 20}
		if o.HTTP2 {
			transport.Protocols = new(http.Protocols)
			transport.Protocols.SetUnencryptedHTTP2(true)
		}
		client := &http.Client{
			Transport:     transport,
			Timeout:       time.Duration(o.Timeout) * time.Millisecond,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		answers := make([]answer, 0, o.Repeat)
		for i := 0; i < o.Repeat; i++ {
			answers = append(answers, fetch(client, o))
		}
		transport.CloseIdleConnections()
		line, _ := json.Marshal(answers)
		fmt.Println(string(line))
	}
}
