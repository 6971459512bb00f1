package client

import (
	"context"
	"iter"
	"math"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The orders of a search.
const (
	NewestFirst = "time desc"
	OldestFirst = "time"
	LogOrder    = "seq" // the fastest to read everything
)

// A SearchRequest asks for events. The zero request asks for all, the newest
// first.
type SearchRequest struct {
	Filter string        // a CEL condition over the event; "": whatever it is
	Text   string        // words, "exact phrases", begin*, -not; "": whatever is said
	In     []pb.TextKind // which texts Text looks into; none: all
	Since  time.Time     // only events at or after; zero: no bound
	Until  time.Time     // only events before; zero: no bound

	Order  string   // NewestFirst, also where it is "", OldestFirst or LogOrder
	Limit  int      // the most events; 0: all
	After  string   // End.Next of a search before; what is above, but Limit, as it was then
	Fields []string // which fields of the events, e.g. "interaction.model"; none: all

	Snippets bool          // find where the events say what Text looks for
	Explain  bool          // tell how the answer was found, in End
	Timeout  time.Duration // end after this long with what was found; 0: with the context's deadline

	// Ended is called when the loop has come to its end, before an ErrTimedOut,
	// which is its last error then. nil: nobody asks.
	Ended func(End)
}

// An End is how a search ended.
type End struct {
	Next        string          // goes on from there, as After; "": there is no more
	TimedOut    bool            // the time was up
	Explanation *pb.Explanation // if Explain was set
}

// A Found is an event that was found, with its `seq`.
type Found struct {
	Event *pb.Event
	Match *pb.Match // where it says what was looked for, if Snippets was set
}

// Search returns the events of a tenant that match, as the store finds them. It
// holds none of them, however many there are.
//
// The last error is ErrTimedOut where the time was up, and ErrCutOff where the
// answer has no end.
func (c *Client) Search(ctx context.Context, t event.Tenant, r SearchRequest) iter.Seq2[Found, error] {
	return func(yield func(Found, error) bool) {
		answer := receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.StreamEventsResponse], error) {
			return c.events.StreamEvents(ctx, r.proto(t))
		})
		for m, err := range answer {
			switch {
			case err != nil:
				yield(Found{}, err)
				return
			case m.GetDone():
				if r.Ended != nil {
					r.Ended(End{m.GetNextPageToken(), m.GetTimedOut(), m.GetExplanation()})
				}
				if m.GetTimedOut() {
					yield(Found{}, ErrTimedOut)
				}
				return
			case !yield(Found{m.GetEvent(), m.GetMatch()}, nil):
				return
			}
		}
		yield(Found{}, ErrCutOff)
	}
}

// Count counts the events that a search would find; Order, Limit, After, Fields
// and Snippets are passed over. progress is told how far it is, several times a
// second; nil: nobody asks.
//
// With ErrTimedOut comes what was counted until then.
func (c *Client) Count(ctx context.Context, t event.Tenant, r SearchRequest, progress func(*pb.CountEventsResponse)) (*pb.CountEventsResponse, error) {
	r.Order, r.Limit, r.After, r.Fields, r.Snippets = "", 0, "", nil, false
	answer := receive(ctx, func(ctx context.Context) (grpc.ServerStreamingClient[pb.CountEventsResponse], error) {
		return c.events.CountEvents(ctx, r.proto(t))
	})
	for m, err := range answer {
		switch {
		case err != nil:
			return nil, err
		case m.GetTimedOut():
			return m, ErrTimedOut
		case m.GetDone():
			return m, nil
		case progress != nil:
			progress(m)
		}
	}
	return nil, ErrCutOff
}

func (r SearchRequest) proto(t event.Tenant) *pb.SearchEventsRequest {
	out := &pb.SearchEventsRequest{
		Tenant: string(t), Filter: r.Filter, Text: r.Text, TextKinds: r.In, Since: timestamp(r.Since), Until: timestamp(r.Until),
		OrderBy: r.Order, PageSize: int32(min(r.Limit, math.MaxInt32)), PageToken: r.After, ReadMask: mask(r.Fields), Snippets: r.Snippets, Explain: r.Explain,
	}
	if r.Timeout != 0 {
		out.Timeout = durationpb.New(r.Timeout)
	}
	return out
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func mask(fields []string) *fieldmaskpb.FieldMask {
	if len(fields) == 0 {
		return nil
	}
	return &fieldmaskpb.FieldMask{Paths: fields}
}

// Event returns the event at a position of the log, or some fields of it.
// ErrNotFound where there is none or it is another tenant's, ErrErased where it
// was forgotten.
func (c *Client) Event(ctx context.Context, t event.Tenant, seq event.Seq, fields ...string) (*pb.Event, error) {
	e, err := c.events.GetEvent(ctx, &pb.GetEventRequest{Tenant: string(t), Seq: uint64(seq), ReadMask: mask(fields)})
	return e, FromStatus(err)
}

// Lookup returns the event that its publisher gave an id, or some fields of it;
// errors are those of Event.
func (c *Client) Lookup(ctx context.Context, t event.Tenant, id string, fields ...string) (*pb.Event, error) {
	e, err := c.events.LookupEvent(ctx, &pb.LookupEventRequest{Tenant: string(t), Id: id, ReadMask: mask(fields)})
	return e, FromStatus(err)
}

// Publish stores events durably, all or, where one of them is invalid, none. The
// same events may be published again: an id is stored once. Package capture does
// it over NATS, in batches.
func (c *Client) Publish(ctx context.Context, t event.Tenant, events ...*pb.Event) error {
	_, err := c.events.PublishEvents(ctx, &pb.PublishEventsRequest{Tenant: string(t), Events: events})
	return FromStatus(err)
}
