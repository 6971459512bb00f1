package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
)

// patience is how long one event may take in all but what its redactor waits for
// others; it is for detectors that hang, beside the redactor's own limit.
const patience = 10 * time.Second

// maxSampled is how many positions a summary names.
const maxSampled = 100

// maxStuck is how many redactions may hang before it ends: each keeps a
// goroutine and an event for ever.
const maxStuck = 16

// errStuck reports that so many redactions hang that the process is better
// restarted.
var errStuck = errors.New("too many redactions hang: restart, and mend the detector")

// redacted returns a redacted copy of an event. It returns in time whatever a
// detector does (invariant 3).
func (s *Stored) redacted(ctx context.Context, e *pb.Event) (*pb.Event, error) {
	is := proto.CloneOf(e) // after an error it may be half redacted, or still be written to
	done := make(chan error, 1)
	go func() { done <- s.redactNow(ctx, is) }()
	timer := time.NewTimer(cmp.Or(s.patience, patience) + s.Waits)
	defer timer.Stop()
	select {
	case err := <-done:
		unsaid(e, is)
		return is, err
	case <-timer.C:
		return nil, errHangs
	}
}

// unsaid takes back that nothing was found in an event that did not say so before:
// one of before that was recorded is not made another for this alone.
func unsaid(was, is *pb.Event) {
	if was.GetCapture().GetContent() != pb.Capture_CONTENT_UNSPECIFIED || is.GetCapture().GetContent() != pb.Capture_RAW {
		return
	}
	if is.Capture.Content = pb.Capture_CONTENT_UNSPECIFIED; was.Capture == nil {
		is.Capture = nil
	}
}

// errHangs is ErrTimeout of a redaction that has not come back.
var errHangs = fmt.Errorf("%w, and hangs", redaction.ErrTimeout)

// redactNow is where a panic of a detector ends.
func (s *Stored) redactNow(ctx context.Context, e *pb.Event) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %T", redaction.ErrPanic, v) // its text may hold content
		}
	}()
	_, err = s.Redactor.Event(ctx, e, func(value string) (string, error) { return s.Log.Pseudonym(s.Tenant, value) })
	return err
}

// ends reports whether an error is of more than the one event.
func ends(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, analyzer.ErrUnavailable) && !errors.Is(err, analyzer.ErrTooLarge)
}

// A foundKind is what is counted apart.
type foundKind struct {
	typ, detector string
	version       uint32
	operator      pb.Redaction_Operator
}

// A tally counts what redaction does to events. It is safe for concurrent use.
type tally struct {
	mu    sync.Mutex
	out   *pb.RedactionSummary
	found map[foundKind]*pb.StoredFinding
	stuck int
}

func newTally() *tally {
	return &tally{out: &pb.RedactionSummary{}, found: map[foundKind]*pb.StoredFinding{}}
}

// note takes down what became of one event, or the error that redacting it
// failed with, which it returns if it is of more than the one event. seq is
// asked for few of them.
func (t *tally) note(was, is *pb.Event, failed error, seq func() (event.Seq, error)) error {
	if failed != nil && ends(failed) {
		return failed
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out.Looked++
	switch {
	case errors.Is(failed, errHangs):
		if t.stuck++; t.stuck > maxStuck {
			return errStuck
		}
		fallthrough
	case failed != nil:
		return t.fail(failed, seq)
	case proto.Equal(was, is):
		return nil
	}
	return t.change(was, is, seq)
}

func (t *tally) fail(failed error, seq func() (event.Seq, error)) error {
	t.out.Failed++
	if len(t.out.Failures) == maxSampled {
		return nil
	}
	at, err := seq()
	t.out.Failures = append(t.out.Failures, &pb.RedactionFailure{Seq: uint64(at), Reason: failed.Error()})
	return err
}

func (t *tally) change(was, is *pb.Event, seq func() (event.Seq, error)) error {
	t.out.Changed++
	if dropped := pb.Capture_DROPPED; is.GetCapture().GetContent() == dropped && was.GetCapture().GetContent() != dropped {
		t.out.Dropped++
	}
	for k, n := range grown(was, is) {
		f := t.found[k]
		if f == nil {
			f = &pb.StoredFinding{Type: k.typ, Detector: k.detector, Version: k.version, Operator: k.operator}
			t.found[k] = f
		}
		f.Count += uint64(n)
		f.Events++
	}
	if len(t.out.Seqs) == maxSampled {
		return nil
	}
	at, err := seq()
	t.out.Seqs = append(t.out.Seqs, uint64(at))
	return err
}

// grown returns by how much the counts of redactions have grown.
func grown(was, is *pb.Event) map[foundKind]uint32 {
	counts := func(e *pb.Event) map[foundKind]uint32 {
		out := map[foundKind]uint32{}
		for _, r := range e.GetCapture().GetRedactions() {
			out[foundKind{r.GetType(), r.GetDetector(), r.GetVersion(), r.GetOperator()}] += r.GetCount()
		}
		return out
	}
	before, after := counts(was), counts(is)
	for k, n := range after {
		if n <= before[k] {
			delete(after, k)
		} else {
			after[k] = n - before[k]
		}
	}
	return after
}

// summary returns what was counted. The tally is not used any more.
func (t *tally) summary() *pb.RedactionSummary {
	for _, f := range t.found {
		t.out.Findings = append(t.out.Findings, f)
	}
	slices.SortFunc(t.out.Findings, func(a, b *pb.StoredFinding) int {
		return cmp.Or(cmp.Compare(a.GetType(), b.GetType()), cmp.Compare(a.GetDetector(), b.GetDetector()),
			cmp.Compare(a.GetVersion(), b.GetVersion()), cmp.Compare(a.GetOperator(), b.GetOperator()))
	})
	slices.Sort(t.out.Seqs)
	slices.SortFunc(t.out.Failures, func(a, b *pb.RedactionFailure) int { return cmp.Compare(a.GetSeq(), b.GetSeq()) })
	return t.out
}
