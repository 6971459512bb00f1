package ingest

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// Whatever bytes reach the port, none of them may reach the log: NATS quotes
// what it cannot read.
func TestClientBytesStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ send, want string }{
		"JSON":                   {`{"user":"alice@example.com"}` + "\r\n", "client - parser ERROR"},
		"HTTP":                   {"GET /?user=alice@example.com HTTP/1.1\r\n\r\n", "client - parser ERROR"},
		"dashes and verbs":       {"x alice - alice@example.com - %d id:alice\r\n", "client - parser ERROR"},
		"subject with a space":   {"PUB evidence.de fault.alice@example.com x 2\r\nhi\r\n", "client - "},
		"the same, with headers": {"CONNECT {\"headers\":true}\r\nHPUB evidence.de fault.alice y x z 12 14\r\nNATS/1.0\r\n\r\nhi\r\n", "client - "},
		"name":                   {"CONNECT {\"name\":\"alice - alice@example.com\",\"lang\":\"alice\",\"version\":\"1\"}\r\nalice\r\n", "client - "},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var text bytes.Buffer
			log := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s, err := StartServer(t.Context(), ServerConfig{Dir: t.TempDir(), Key: streamKey, Addr: "127.0.0.1:0", Logger: log})
			if err != nil {
				t.Fatal(err)
			}
			sendRaw(t, s, test.send)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			got := text.String()
			if strings.Contains(got, "alice") || strings.Contains(got, "evidence.de") {
				t.Errorf("the log holds what a client sent:\n%s", got)
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("the log says\n%s\nwant %q in it", got, test.want)
			}
		})
	}
}

// sendRaw sends the bytes and waits until the server hangs up.
func sendRaw(t *testing.T, s *Server, text string) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.ClientURL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, conn)
}

// Texts that say nothing of a client keep their words.
func TestOwnWords(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Server is ready":             "Server is ready",
		"127.0.0.1:1 - cid:5 - alice": "client - …",
		"Error for 'alice'":           "Error for …",
		"processHeaderPub Parse Error: \"evidence.de fault\"": "client - Parse Error",
	} {
		if got := harmless(text, nil); got != want {
			t.Errorf("harmless(%q) = %q, want %q", text, got, want)
		}
	}
}
