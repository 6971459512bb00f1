package query

import (
	"context"
	"slices"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Config says what an Engine reads.
type Config struct {
	Log *eventlog.Log // required
}

// An Engine answers questions about the evidence in a log. It is safe for
// concurrent use and holds nothing between calls.
type Engine struct {
	log *eventlog.Log
}

// New returns an Engine.
func New(cfg Config) *Engine { return &Engine{log: cfg.Log} }

// Get returns the event at seq with its `seq` set: eventlog.ErrNotFound where
// there is none or it is another tenant's, eventlog.ErrErased where it was
// forgotten.
func (e *Engine) Get(ctx context.Context, t event.Tenant, seq event.Seq) (*pb.Event, error) {
	return e.log.Read(ctx, t, seq)
}

// Lookup returns the event that its publisher gave the id, with its `seq` set:
// eventlog.ErrNotFound where the tenant has none, eventlog.ErrErased where it
// was forgotten, eventlog.ErrTampered where the id leads to another's event.
func (e *Engine) Lookup(ctx context.Context, t event.Tenant, id string) (*pb.Event, error) {
	return e.log.ReadID(ctx, t, id)
}

// knows tells whether the tenant has events. Nothing may be asked of the log
// that would make a key for a tenant that has none.
func (e *Engine) knows(t event.Tenant) bool {
	_, known := slices.BinarySearch(e.log.Tenants(), t)
	return known
}

// A RequestError is a request that cannot be answered as it is.
type RequestError struct {
	// Field is the request's field, as it is called in JSON.
	Field string
	// Reason completes a sentence that begins with the field. It never quotes
	// content.
	Reason string
}

// Error says both.
func (e *RequestError) Error() string { return e.Field + ": " + e.Reason }
