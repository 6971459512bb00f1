package retention

import (
	"context"
	"errors"

	"github.com/afterimage/afterimage/eventlog"
)

// Promotion is Promote step by step: what it returns promotes what has come since,
// of which there must be something, and returns when it is done.
func (p *Policies) Promotion(ctx context.Context) (catchUp func(context.Context) error, err error) {
	pr, err := p.promoter(ctx)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		done := errors.New("done")
		end := p.log.Size()
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		err := p.log.Consume(ctx, promotion, func(ctx context.Context, batch []*eventlog.Followed) error {
			err := pr.promote(ctx, batch)
			if batch[len(batch)-1].Seq+1 >= end {
				defer cancel(done)
			}
			return err
		})
		if errors.Is(context.Cause(ctx), done) {
			return nil
		}
		return err
	}, nil
}
