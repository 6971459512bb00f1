package query

import (
	"context"
	"crypto/sha256"
	"encoding/base64"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// defaultQuarantine is the page size of Quarantine.
const defaultQuarantine = 100

// Quarantine returns a page of what the tenant's messages had to be
// quarantined, oldest first and without payloads, and the token that asks for
// the page after it, "" on the last one. The tenant may be event.System. A
// size of 0 is 100.
//
// Errors: *RequestError.
func (e *Engine) Quarantine(ctx context.Context, t event.Tenant, size int, token string) ([]*pb.Quarantined, string, error) {
	size, err := pageSize(size, defaultQuarantine)
	if err != nil {
		return nil, "", err
	}
	after, err := e.quarantineAfter(t, token)
	if err != nil {
		return nil, "", err
	}
	var entries []*pb.Quarantined
	for entry, err := range e.log.QuarantineList(ctx, t, after) {
		if err != nil {
			return nil, "", err
		}
		if len(entries) == size {
			next, err := e.quarantineToken(t, entries[size-1].GetId())
			return entries, next, err
		}
		entries = append(entries, entry)
	}
	return entries, "", nil
}

// Quarantined returns one quarantined message with its payload, or
// eventlog.ErrNotFound.
func (e *Engine) Quarantined(ctx context.Context, t event.Tenant, id string) (*pb.Quarantined, error) {
	return e.log.Quarantined(ctx, t, id)
}

// A quarantine token is base64url of the length of a MAC, the MAC, and the id
// of the last entry of the page.

func (e *Engine) quarantineToken(t event.Tenant, id string) (string, error) {
	mac, err := e.log.TokenMAC(t, quarantineIdentity(t, id))
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte{byte(len(mac))}, append(mac, id...)...)), nil
}

func (e *Engine) quarantineAfter(t event.Tenant, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err == nil && len(token) <= maxToken && len(raw) > 0 && len(raw) > int(raw[0])+1 {
		mac, id := raw[1:1+raw[0]], string(raw[1+raw[0]:])
		if e.log.CheckTokenMAC(t, mac, quarantineIdentity(t, id)) {
			return id, nil
		}
	}
	return "", &RequestError{"pageToken", "is not one that this list returned; the tenant must be as it was then"}
}

func quarantineIdentity(t event.Tenant, id string) []byte {
	sum := sha256.Sum256([]byte("quarantine\x00" + string(t) + "\x00" + id))
	return sum[:]
}
