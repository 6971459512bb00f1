package eventlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// quarantineClass is the class of the buckets whose keys seal quarantined
// entries, so that they can be forgotten like events.
const quarantineClass = "quarantine"

// quarantineIDSize is the size of a quarantined entry's id in bytes.
const quarantineIDSize = 16

// Quarantine keeps, encrypted, what could not be stored as it came, and
// returns when that is durable. An entry's id is set from its stream sequence,
// index and payload, so that quarantining the same message twice keeps it
// once, as it was the first time: were it moved to the bucket of another day, what
// forgets it would leave the key that opens older copies. The tenant may be
// event.System. Errors as of Append.
func (l *Log) Quarantine(ctx context.Context, name event.Tenant, entries []*pb.Quarantined) error {
	t, err := l.tenant(name)
	if err != nil {
		return err
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := errors.Join(ctx.Err(), l.writable()); err != nil {
		return err
	}
	b := l.db.NewBatch()
	defer b.Close() //nolint:errcheck // Committed or thrown away.
	st, fresh, at := l.state, (*bucket)(nil), l.streamed
	for _, e := range entries {
		id, err := quarantineID(t, e)
		if err != nil {
			return err
		}
		e.Id = hex.EncodeToString(id)
		if kept, err := l.get(quarantineKey(spaceQuarantine, t.id, id)); err != nil {
			return err
		} else if kept != nil {
			continue
		}
		day := uint32(e.GetTime().GetSeconds() / (24 * 60 * 60))
		in := l.findBucket(t, quarantineClass, day)
		if in == nil && fresh != nil && fresh.day == day {
			in = fresh
		}
		if in == nil {
			st.bucket++
			var record []byte
			if in, record, err = newBucket(l.ring.Current(), st.bucket, t, quarantineClass, day, indexID(st.bucket)); err != nil {
				return err
			}
			if fresh != nil {
				return errors.New("quarantine: entries of more than two days at once")
			}
			fresh = in
			set(b, bucketKey(in.id), record)
			set(b, key1(spaceState), st.encode())
		}
		if err := quarantine(b, t, in, id, e); err != nil {
			return err
		}
		if e.GetTime().AsTime().Before(at.since) { // The clock was ahead when the stream's key changed.
			at.since = e.GetTime().AsTime()
		}
	}
	if at != l.streamed {
		set(b, key1(spaceStreamed), at.encode())
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("quarantine: %w", err)
	}
	l.state, l.streamed = st, at
	if fresh != nil {
		must(l.addBucket(fresh))
	}
	return nil
}

// quarantineID returns the id of an entry.
func quarantineID(t *tenant, e *pb.Quarantined) ([]byte, error) {
	id := binary.BigEndian.AppendUint64(nil, e.GetStreamSequence())
	tail, err := t.ids.Sum(append(binary.BigEndian.AppendUint32([]byte("quarantine"), e.GetIndex()), e.GetPayload()...), 4)
	return append(binary.BigEndian.AppendUint32(id, e.GetIndex()), tail...), err
}

// quarantine writes an entry as two values, so that listing reads no payload.
// Each is the bucket's number and the sealed protobuf, bound to its key.
func quarantine(b *pebble.Batch, t *tenant, in *bucket, id []byte, e *pb.Quarantined) error {
	listed := proto.CloneOf(e)
	listed.Payload = nil
	about, err := proto.Marshal(listed)
	if err != nil {
		return fmt.Errorf("quarantine: encode: %w", err)
	}
	for space, text := range map[byte][]byte{spaceQuarantine: about, spacePayload: e.GetPayload()} {
		key := quarantineKey(space, t.id, id)
		sealed, err := in.blocks.Seal(text, key)
		if err != nil {
			return err
		}
		set(b, key, append(binary.BigEndian.AppendUint32(nil, uint32(in.id)), sealed...))
	}
	return nil
}

// QuarantineList yields the tenant's quarantined entries without payload, in
// the order in which they came in, those after the entry with id after ("":
// from the start). A yielded error ends the list.
func (l *Log) QuarantineList(ctx context.Context, name event.Tenant, after string) iter.Seq2[*pb.Quarantined, error] {
	return func(yield func(*pb.Quarantined, error) bool) {
		stop := errors.New("stop")
		t := l.named(name)
		if t == nil {
			return
		}
		prefix := key4(spaceQuarantine, uint32(t.id))
		err := l.each(prefix, func(k, v []byte) error {
			if hex.EncodeToString(k[len(prefix):]) <= after {
				return nil
			}
			e, err := l.openQuarantined(k, v)
			if err == nil && !yield(e, nil) {
				return stop
			}
			return errors.Join(err, ctx.Err())
		})
		if err != nil && !errors.Is(err, stop) {
			yield(nil, err)
		}
	}
}

// Quarantined returns one entry with its payload, or ErrNotFound.
func (l *Log) Quarantined(ctx context.Context, name event.Tenant, id string) (*pb.Quarantined, error) {
	t := l.named(name)
	raw, err := hex.DecodeString(id)
	if t == nil || err != nil || len(raw) != quarantineIDSize {
		return nil, fmt.Errorf("quarantined entry %q of tenant %s: %w", id, name, ErrNotFound)
	}
	key := quarantineKey(spaceQuarantine, t.id, raw)
	v, err := l.get(key)
	if err := errors.Join(err, ctx.Err()); err != nil {
		return nil, err
	}
	if v == nil {
		return nil, fmt.Errorf("quarantined entry %q of tenant %s: %w", id, name, ErrNotFound)
	}
	e, err := l.openQuarantined(key, v)
	if err != nil {
		return nil, err
	}
	key = quarantineKey(spacePayload, t.id, raw)
	if v, err = l.get(key); err != nil {
		return nil, err
	}
	e.Payload, err = l.unsealQuarantined(key, v)
	return e, err
}

// partedAtATime is how many entries are moved between two appends, at most, and
// partedBytes how large they are together, or one alone.
const (
	partedAtATime = 64
	partedBytes   = 4 << 20
)

// PartQuarantine sees to it that quarantined entries are alone in their buckets,
// so that these can be forgotten: what else is in them is moved to others, some at
// a time. It returns the buckets; entries that are not there are passed over.
// Nothing comes into these buckets any more. What a crash or an error leaves in them
// is moved when it is called again.
func (l *Log) PartQuarantine(ctx context.Context, name event.Tenant, gone []string) ([]BucketID, error) {
	t := l.named(name)
	if t == nil {
		return nil, fmt.Errorf("tenant %s: %w", name, ErrNotFound)
	}
	p := &parting{l: l, tenant: t, gone: map[string]bool{}, from: map[bucketID]*bucket{}, to: map[uint32]*bucket{}}
	for _, id := range gone {
		p.gone[id] = true
	}
	if err := p.part(ctx); err != nil {
		return nil, fmt.Errorf("part quarantine: %w", err)
	}
	var out []BucketID
	for _, id := range slices.Sorted(maps.Keys(p.from)) {
		out = append(out, BucketID(id))
	}
	return out, nil
}

// parting is a PartQuarantine under way.
type parting struct {
	l      *Log
	tenant *tenant
	gone   map[string]bool
	from   map[bucketID]*bucket // that hold entries to be forgotten
	to     map[uint32]*bucket   // what takes the others, by day
}

func (p *parting) part(ctx context.Context) error {
	if err := p.find(); err != nil || len(p.from) == 0 {
		return err
	}
	p.l.writing.Lock() // What is being quarantined is there.
	p.l.mu.Lock()
	for _, b := range p.from {
		b.closed = true
	}
	p.l.mu.Unlock()
	p.l.writing.Unlock()
	var stay [][]byte
	err := p.each(func(id string, raw []byte, in bucketID) {
		if p.from[in] != nil && !p.gone[id] {
			stay = append(stay, bytes.Clone(raw))
		}
	})
	for len(stay) > 0 && err == nil {
		var n int
		n, err = p.move(ctx, stay)
		stay = stay[n:]
	}
	return err
}

// each calls f for every entry of the tenant's quarantine with the bucket that it is
// in, which is that of its payload too.
func (p *parting) each(f func(id string, raw []byte, in bucketID)) error {
	prefix := key4(spaceQuarantine, uint32(p.tenant.id))
	return p.l.each(prefix, func(k, v []byte) error {
		if len(v) < 4 {
			return fmt.Errorf("quarantined entry: %w: record is too short", ErrTampered)
		}
		raw := k[len(prefix):]
		f(hex.EncodeToString(raw), raw, bucketID(binary.BigEndian.Uint32(v)))
		return nil
	})
}

// find finds out which buckets hold what is to go.
func (p *parting) find() error {
	return p.each(func(id string, _ []byte, in bucketID) {
		p.l.mu.RLock()
		defer p.l.mu.RUnlock()
		if b := p.l.buckets[in]; b != nil && p.gone[id] {
			p.from[in] = b
		}
	})
}

// move seals the first of some entries with the keys of other buckets, in one step,
// and returns how many.
func (p *parting) move(ctx context.Context, stay [][]byte) (n int, err error) {
	p.l.writing.Lock()
	defer p.l.writing.Unlock()
	if err := errors.Join(ctx.Err(), p.l.writable()); err != nil {
		return 0, err
	}
	w := p.l.db.NewBatch()
	defer w.Close() //nolint:errcheck // Committed or thrown away.
	for n < min(len(stay), partedAtATime) && (n == 0 || w.Len() < partedBytes) {
		for _, space := range []byte{spaceQuarantine, spacePayload} {
			if err := p.reseal(w, quarantineKey(space, p.tenant.id, stay[n])); err != nil {
				return 0, err
			}
		}
		n++
	}
	if err := w.Commit(pebble.Sync); err != nil {
		return 0, err
	}
	return n, nil
}

// reseal moves one record, if it is in a bucket that goes.
func (p *parting) reseal(w *pebble.Batch, key []byte) error {
	v, err := p.l.get(key)
	if err != nil || len(v) < 4 {
		return err
	}
	from := p.from[bucketID(binary.BigEndian.Uint32(v))]
	if from == nil {
		return nil
	}
	text, err := from.blocks.Open(v[4:], key)
	if err != nil {
		return fmt.Errorf("quarantined entry: %w: %w", ErrTampered, err)
	}
	to, err := p.bucket(from.day)
	if err != nil {
		return err
	}
	sealed, err := to.blocks.Seal(text, key)
	if err != nil {
		return err
	}
	set(w, key, append(binary.BigEndian.AppendUint32(nil, uint32(to.id)), sealed...))
	return nil
}

// bucket returns the bucket that takes what stays of a day, durably made. The caller
// holds writing.
func (p *parting) bucket(day uint32) (*bucket, error) {
	if b := p.to[day]; b != nil {
		return b, nil
	}
	st := p.l.state
	st.bucket++
	b, record, err := newBucket(p.l.ring.Current(), st.bucket, p.tenant, quarantineClass, day, indexID(st.bucket))
	if err != nil {
		return nil, err
	}
	w := p.l.db.NewBatch()
	defer w.Close() //nolint:errcheck // Committed or thrown away.
	set(w, bucketKey(b.id), record)
	set(w, key1(spaceState), st.encode())
	if err := w.Commit(pebble.Sync); err != nil {
		return nil, err
	}
	p.l.state = st
	p.to[day] = b
	return b, p.l.addBucket(b)
}

func (s *store) openQuarantined(key, value []byte) (*pb.Quarantined, error) {
	text, err := s.unsealQuarantined(key, value)
	if err != nil {
		return nil, err
	}
	e := &pb.Quarantined{}
	if err := proto.Unmarshal(text, e); err != nil {
		return nil, fmt.Errorf("quarantined entry: %w: %w", ErrTampered, err)
	}
	return e, nil
}

func (s *store) unsealQuarantined(key, value []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return unsealQuarantined(s.buckets, key, value)
}

func unsealQuarantined(buckets map[bucketID]*bucket, key, value []byte) ([]byte, error) {
	if len(value) < 4 {
		return nil, fmt.Errorf("quarantined entry: %w: record is too short", ErrTampered)
	}
	b := buckets[bucketID(binary.BigEndian.Uint32(value))]
	if b == nil {
		return nil, fmt.Errorf("quarantined entry: %w", ErrErased)
	}
	text, err := b.blocks.Open(value[4:], key)
	if err != nil {
		return nil, fmt.Errorf("quarantined entry: %w: %w", ErrTampered, err)
	}
	return text, nil
}
