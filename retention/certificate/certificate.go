package certificate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
)

// A Certificate is a signed statement of what was deleted for a request.
type Certificate struct {
	json, html []byte
}

// JSON returns the certificate as it is signed; the caller owns it.
func (c *Certificate) JSON() []byte { return append([]byte(nil), c.json...) }

// HTML returns the certificate as a page to be printed; the caller owns it.
func (c *Certificate) HTML() []byte { return append([]byte(nil), c.html...) }

// Build makes the certificate of what a tenant's request deleted, as the log has it
// now: of the erasure with this id, or of what expired under it. The time is that of
// issue. eventlog.ErrNotFound where nothing is on record of such a request.
func Build(_ context.Context, _ *eventlog.Log, _ event.Tenant, _ string, _ time.Time) (*Certificate, error) {
	return nil, fmt.Errorf("certificate: %w", errors.ErrUnsupported)
}

// A Verified is what a certificate proves.
type Verified struct{}

// Verify checks a certificate, JSON or HTML, with nothing but the log's verifier
// key; empty: the key that it names itself.
func Verify(_ []byte, _ string) (*Verified, error) {
	return nil, fmt.Errorf("certificate: %w", errors.ErrUnsupported)
}
