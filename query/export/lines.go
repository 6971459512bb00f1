package export

import (
	"context"
	"errors"
	"io"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A rowWriter writes events one after the other.
type rowWriter interface {
	row(*pb.Event) error
	end() error
}

// lines writes the events and nothing else.
func (b *bundle) lines(ctx context.Context, w io.Writer) error {
	var rows rowWriter = ndjson{w}
	if b.asked.GetExported().GetFormat() == pb.Exported_PARQUET {
		rows = newParquet(w)
	}
	seqs, err := b.x.cfg.Engine.Evidence(ctx, b.tenant, evidenceOf(b.asked))
	if err != nil {
		return err
	}
	all := roaring64.New()
	for seq, err := range seqs {
		if err != nil {
			return err
		}
		e, err := b.x.cfg.Log.Read(ctx, b.tenant, seq)
		if errors.Is(err, eventlog.ErrErased) {
			return ErrChanged
		}
		if err == nil {
			err = rows.row(e)
		}
		if err != nil {
			return err
		}
		all.Add(uint64(seq))
		if all.GetCardinality()%256 == 0 {
			b.tell(all.GetCardinality())
		}
	}
	if err := rows.end(); err != nil {
		return err
	}
	return b.still(ctx, all)
}

// still reports, with ErrChanged, whether events are there, and are those that
// were gathered.
func (b *bundle) still(ctx context.Context, seqs *roaring64.Bitmap) error {
	d := newDigester()
	for it := seqs.Iterator(); it.HasNext(); {
		seq := event.Seq(it.Next())
		c, err := b.x.cfg.Log.Committed(ctx, b.tenant, seq)
		if errors.Is(err, eventlog.ErrErased) {
			return ErrChanged
		}
		if err != nil {
			return err
		}
		d.add(seq, c)
	}
	return b.same(selection{events: d.n, digest: d.sum()})
}

// An ndjson writer writes an event a line.
type ndjson struct{ to io.Writer }

func (n ndjson) row(e *pb.Event) error {
	text, err := canonical(e)
	if err != nil {
		return err
	}
	_, err = n.to.Write(text)
	return err
}

func (ndjson) end() error { return nil }
