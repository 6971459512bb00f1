package query

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
)

// A page token is base64url of
//
//	1 byte   version, 1
//	8 bytes  time of the last event of the page, nanoseconds since 1970, big-endian
//	8 bytes  its seq, big-endian
//	the rest MAC under a key of the tenant's over these 17 bytes and the
//	         identity of the request
//
// It names a place in the order, so it stays valid while the log grows.
const (
	tokenVersion = 1
	tokenBody    = 1 + 8 + 8
	maxToken     = 256 // characters
)

// identity returns a digest of what a page token is bound to.
func (r Request) identity(t event.Tenant) []byte {
	h := sha256.New()
	for _, s := range []string{"search", string(t), r.Filter, r.Text, strconv.Itoa(int(r.TextKinds)), stamp(r.Since), stamp(r.Until), r.OrderBy} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	return h.Sum(nil)
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// pageToken returns the token for what follows a position.
func (e *Engine) pageToken(t event.Tenant, identity []byte, last eventlog.Position) (string, error) {
	body := []byte{tokenVersion}
	body = binary.BigEndian.AppendUint64(body, uint64(last.Time.UnixNano()))
	body = binary.BigEndian.AppendUint64(body, uint64(last.Seq))
	mac, err := e.log.TokenMAC(t, append(body[:tokenBody:tokenBody], identity...))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(body, mac...)), nil
}

// position returns the position in a token, and whether the token is one of
// this tenant's for this request.
func (e *Engine) position(t event.Tenant, identity []byte, token string) (eventlog.Position, bool) {
	if len(token) > maxToken {
		return eventlog.Position{}, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) <= tokenBody || raw[0] != tokenVersion {
		return eventlog.Position{}, false
	}
	body, mac := raw[:tokenBody], raw[tokenBody:]
	if !e.log.CheckTokenMAC(t, mac, append(body[:tokenBody:tokenBody], identity...)) {
		return eventlog.Position{}, false
	}
	return eventlog.Position{
		Time: time.Unix(0, int64(binary.BigEndian.Uint64(body[1:]))).UTC(),
		Seq:  event.Seq(binary.BigEndian.Uint64(body[9:])),
	}, true
}
