package ingest

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
)

// sameByFirst tells whether the i-th prepared event of a message is the one that
// has its id, at seq, and differs only since another policy redacted it: it is
// delivered again, and meanwhile another came into force. It is redacted as the
// first was and compared once more; without, what was acknowledged and is stored
// would go to quarantine as well, in clear.
func (p *pipeline) sameByFirst(ctx context.Context, m *message, i int, seq event.Seq) (bool, error) {
	if p.PolicyOf == nil {
		return false, nil
	}
	first, err := p.Log.Read(ctx, m.tenant, seq)
	if errors.Is(err, eventlog.ErrErased) {
		return true, nil // since it was compared: nothing is left to compare with
	}
	if err != nil {
		return false, err
	}
	if first.GetPolicyVersion() == m.versions[i] {
		return false, nil
	}
	by, err := p.PolicyOf(ctx, m.tenant, first.GetPolicyVersion())
	if err != nil {
		return false, onlyFault(ctx, err)
	}
	original, err := p.asItCame(m, m.position[i])
	if err != nil {
		return false, err
	}
	e := proto.CloneOf(original)
	if err := p.redact(ctx, by, m.tenant, e); err != nil {
		return false, onlyFault(ctx, err)
	}
	e.Class, e.PolicyVersion = first.GetClass(), first.GetPolicyVersion()
	prepared, err := p.Log.Prepare(m.tenant, e)
	if err != nil {
		return false, onlyFault(ctx, err)
	}
	results, err := p.Log.Append(ctx, []eventlog.Prepared{prepared})
	if err != nil {
		return false, err
	}
	return results[0].Outcome != eventlog.Conflict, nil
}

// onlyFault returns an error that is of the store or the process; one of the event
// leaves it to be what it seems, another of the same id.
func onlyFault(ctx context.Context, err error) error {
	if fault(ctx, err) {
		return err
	}
	return nil
}
