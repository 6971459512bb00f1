package eventlog

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A forgotten is the record, beside the keys, of what the beginning of an epoch
// makes unreadable. It is written before the epoch begins and outlives the data:
// a log that is restored from a backup forgets it again. It holds positions and
// numbers, nothing personal.
type forgotten struct {
	fork  *fork                                // the epoch began by restoring a backup
	parts map[pb.Forgotten_Cause]forgottenPart // by why
	// redacted says of redacted events how what they are committed to begins: what
	// is stored under another commitment is from before, and does not come back.
	redacted map[event.Seq]commitmentStart
}

// commitmentStart is the beginning of a commitment, enough to tell those of one
// event apart.
type commitmentStart [8]byte

func startOf(c []byte) (s commitmentStart) {
	copy(s[:], c)
	return s
}

// A fork is where a restored log left its past: the same positions and numbers
// from there on mean other things before and after.
type fork struct {
	size   event.Seq // positions that the backup had
	bucket bucketID  // the last number given to a bucket
}

type forgottenPart struct {
	positions   *roaring64.Bitmap
	quarantines *roaring64.Bitmap // numbers of buckets of quarantined messages, which have no positions
}

func newForgotten() *forgotten {
	return &forgotten{parts: map[pb.Forgotten_Cause]forgottenPart{}, redacted: map[event.Seq]commitmentStart{}}
}

// part returns what is forgotten for a cause, to be added to.
func (f *forgotten) part(cause pb.Forgotten_Cause) forgottenPart {
	p, ok := f.parts[cause]
	if !ok {
		p = forgottenPart{roaring64.New(), roaring64.New()}
		f.parts[cause] = p
	}
	return p
}

// add adds what another record, of the same epoch or a later one, says, as far as
// it lies before a fork.
func (f *forgotten) add(other *forgotten, before fork) {
	for cause, p := range other.parts {
		positions, quarantines := p.positions.Clone(), p.quarantines.Clone()
		positions.RemoveRange(uint64(before.size), math.MaxUint64)
		quarantines.RemoveRange(uint64(before.bucket)+1, math.MaxUint64)
		f.part(cause).positions.Or(positions)
		f.part(cause).quarantines.Or(quarantines)
	}
	for seq, start := range other.redacted {
		if seq < before.size {
			f.redacted[seq] = start
		}
	}
}

// The versions of the encoding: the second has redacted events. What has none is
// written as an earlier program would.
const (
	forgottenFormat = 1
	redactedFormat  = 2
)

// encode writes, all numbers as uvarints: format; 0, or 1, size and bucket of the
// fork; how many causes; and for each, ascending, cause, the positions and the
// quarantines, either after its length and in the portable format of Roaring
// bitmaps of 64 bits; in the second format also how many events were redacted,
// and for each, ascending, the distance from the one before and how its commitment
// begins.
func (f *forgotten) encode() ([]byte, error) {
	b := binary.AppendUvarint(nil, f.format())
	if f.fork == nil {
		b = binary.AppendUvarint(b, 0)
	} else {
		b = binary.AppendUvarint(b, 1)
		b = binary.AppendUvarint(b, uint64(f.fork.size))
		b = binary.AppendUvarint(b, uint64(f.fork.bucket))
	}
	b = binary.AppendUvarint(b, uint64(len(f.parts)))
	for _, cause := range slices.Sorted(maps.Keys(f.parts)) {
		b = binary.AppendUvarint(b, uint64(cause))
		for _, set := range []*roaring64.Bitmap{f.parts[cause].positions, f.parts[cause].quarantines} {
			set.RunOptimize()
			encoded, err := set.MarshalBinary()
			if err != nil {
				return nil, fmt.Errorf("encode what is forgotten: %w", err)
			}
			b = append(binary.AppendUvarint(b, uint64(len(encoded))), encoded...)
		}
	}
	if f.format() == redactedFormat {
		b = f.appendRedacted(b)
	}
	return b, nil
}

func (f *forgotten) format() uint64 {
	if len(f.redacted) > 0 {
		return redactedFormat
	}
	return forgottenFormat
}

func (f *forgotten) appendRedacted(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(f.redacted)))
	last := event.Seq(0)
	for _, seq := range slices.Sorted(maps.Keys(f.redacted)) {
		start := f.redacted[seq]
		b = append(binary.AppendUvarint(b, uint64(seq-last)), start[:]...)
		last = seq
	}
	return b
}

// decodeForgotten is the inverse of encode. Its input was signed by the store.
func decodeForgotten(b []byte) (*forgotten, error) {
	f := newForgotten()
	bad := fmt.Errorf("%w: the record of what was forgotten is malformed", keyring.ErrWrongKeys)
	ok := true
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return v
	}
	bitmap := func() *roaring64.Bitmap {
		n := next()
		set := roaring64.New()
		if !ok || n > uint64(len(b)) || set.UnmarshalBinary(b[:n]) != nil {
			ok, b = false, nil
			return set
		}
		b = b[n:]
		return set
	}
	format := next()
	if format != forgottenFormat && format != redactedFormat {
		return nil, fmt.Errorf("%w: the record of what was forgotten was written by a newer version of afterimage: use that", keyring.ErrWrongKeys)
	}
	if next() == 1 {
		f.fork = &fork{event.Seq(next()), bucketID(next())}
	}
	causes := next()
	if causes > uint64(len(b)) { // Each takes several bytes.
		return nil, bad
	}
	for range causes {
		cause := pb.Forgotten_Cause(next())
		f.parts[cause] = forgottenPart{bitmap(), bitmap()}
	}
	if format == redactedFormat {
		seq := event.Seq(0)
		for range next() {
			seq += event.Seq(next())
			if !ok || len(b) < len(commitmentStart{}) {
				return nil, bad
			}
			f.redacted[seq] = startOf(b)
			b = b[len(commitmentStart{}):]
		}
		ok = ok && len(f.redacted) > 0
	}
	if !ok || len(b) > 0 {
		return nil, bad
	}
	return f, nil
}

// recordForgotten durably keeps, beside the keys, what the epoch that is about to
// begin makes unreadable. After a crash it is done again: a record is only ever
// added to.
func (l *Log) recordForgotten(_ context.Context, p *pending, _ func(ForgetProgress)) error {
	f, err := l.forgets(p)
	if err != nil {
		return err
	}
	if err := l.findUnsaid(p, f); err != nil {
		return err
	}
	epoch := l.ring.Begun().Number()
	earlier, err := readForgotten(l.ring, epoch)
	if err != nil {
		return err
	}
	all := newForgotten()
	all.fork = f.fork
	all.add(earlier, fork{math.MaxUint64, math.MaxUint32})
	all.add(f, fork{math.MaxUint64, math.MaxUint32})
	b, err := all.encode()
	if err != nil {
		return err
	}
	return l.ring.SaveForgotten(epoch, b)
}

// findUnsaid finds out which of the events that go with their buckets were redacted:
// what they are committed to goes too.
func (l *Log) findUnsaid(p *pending, f *forgotten) error {
	if len(p.drop) == 0 {
		return nil // Those that go singly took it along.
	}
	gone, _ := f.all()
	return l.eachReplacement(func(seq event.Seq, _ replacement) error {
		if gone.Contains(uint64(seq)) {
			p.unsaid = append(p.unsaid, seq)
		}
		return nil
	})
}

// readForgotten returns the record of an epoch, an empty one if there is none.
func readForgotten(ring *keyring.Ring, epoch uint64) (*forgotten, error) {
	b, err := ring.Forgotten(epoch)
	if err != nil || b == nil {
		return newForgotten(), err
	}
	return decodeForgotten(b)
}

// forgets gathers what is pending.
func (l *Log) forgets(p *pending) (*forgotten, error) {
	f := newForgotten()
	f.fork = l.fork
	causes := map[block.ID]pb.Forgotten_Cause{} // of blocks that go whole
	byTenant := map[tenantID]pb.Forgotten_Cause{}
	for _, seq := range p.ledger {
		e, err := l.event(seq, location{})
		if err != nil {
			return nil, err
		}
		b, err := l.bucketAt(seq)
		if err != nil {
			return nil, err
		}
		for _, r := range e.GetRedacted().GetEvents() {
			f.redacted[event.Seq(r.GetSeq())] = startOf(r.GetNew())
		}
		body := e.GetForgotten()
		if body == nil {
			continue
		}
		byTenant[b.tenant] = body.GetCause()
		for _, r := range body.GetPositions() {
			f.part(body.GetCause()).positions.AddRange(r.GetFirst(), r.GetLast()+1)
		}
		for _, b := range body.GetBlocks() {
			causes[block.ID(b.GetNumber())] = body.GetCause()
		}
	}
	for _, id := range p.drop {
		l.mu.RLock()
		b := l.buckets[id]
		blocks := slices.Clone(b.ids)
		l.mu.RUnlock()
		if b.class == quarantineClass {
			f.part(byTenant[b.tenant]).quarantines.Add(uint64(id))
		}
		for _, id := range blocks {
			if err := l.addBlockTo(f.part(causes[id]).positions, id); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

// addBlockTo adds the positions of a block's events to a set.
func (l *Log) addBlockTo(set *roaring64.Bitmap, id block.ID) error {
	h, in, err := l.header(id)
	if err != nil {
		return err
	}
	moments, err := openMeta(l.disk, id, h, in, l.codec.OpenMoments)
	if err != nil {
		return err
	}
	for _, m := range moments {
		set.Add(m.Seq)
	}
	return nil
}

// forgottenSince gathers what the records say was forgotten in the epochs after
// one, as far as a log that was backed up in it has it.
func forgottenSince(ring *keyring.Ring, epoch uint64, before fork) (*forgotten, error) {
	all := newForgotten()
	epochs, err := ring.ForgottenEpochs()
	if err != nil {
		return nil, err
	}
	for _, n := range epochs {
		if n <= epoch {
			continue
		}
		f, err := readForgotten(ring, n)
		if err != nil {
			return nil, err
		}
		if f.fork != nil {
			before.size, before.bucket = min(before.size, f.fork.size), min(before.bucket, f.fork.bucket)
		}
		all.add(f, before)
	}
	return all, nil
}

// floor returns the highest epoch that there is a record of: its number was given
// out.
func floor(ring *keyring.Ring) (uint64, error) {
	epochs, err := ring.ForgottenEpochs()
	if err != nil || len(epochs) == 0 {
		return 0, err
	}
	return epochs[len(epochs)-1], nil
}

// checkForgotten refuses data in which events can be read that were forgotten
// later: a backup that was put in place by hand, with its keys.
func (l *Log) checkForgotten() error {
	last, err := floor(l.ring)
	if err != nil || last <= l.state.epoch || l.cfg.restoring {
		return err
	}
	if known, err := l.pendingOnRecord(); err != nil || known {
		return err
	}
	return fmt.Errorf("open keys: %w: %s says that events were forgotten in epoch %d, and the data in %s and its keys are of epoch %d, from before: use afterimage restore, which forgets them again",
		keyring.ErrWrongKeys, l.cfg.KeysDir, last, l.cfg.Dir, l.state.epoch)
}

// pendingOnRecord reports whether all that the records of later epochs speak of is
// being forgotten: a record comes before its epoch.
func (l *Log) pendingOnRecord() (bool, error) {
	p, err := l.pending()
	if err != nil || p.empty() {
		return false, err
	}
	forgets, err := l.forgets(p)
	if err != nil {
		return false, err
	}
	recorded, err := forgottenSince(l.ring, l.state.epoch, fork{math.MaxUint64, math.MaxUint32})
	if err != nil {
		return false, err
	}
	positions, quarantines := recorded.all()
	known, knownQuarantines := forgets.all()
	positions.AndNot(known)
	quarantines.AndNot(knownQuarantines)
	for seq, start := range recorded.redacted {
		if forgets.redacted[seq] != start {
			return false, nil
		}
	}
	return positions.IsEmpty() && quarantines.IsEmpty(), nil
}

// all returns what is forgotten for any cause.
func (f *forgotten) all() (positions, quarantines *roaring64.Bitmap) {
	positions, quarantines = roaring64.New(), roaring64.New()
	for _, p := range f.parts {
		positions.Or(p.positions)
		quarantines.Or(p.quarantines)
	}
	return positions, quarantines
}
