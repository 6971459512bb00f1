package eventlog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// A store reads what is stored: it is what reading, appending and verifying
// share. Safe for concurrent use.
type store struct {
	disk
	db       *pebble.DB
	ring     *keyring.Ring
	codec    *block.Codec
	vkey     string // verifies checkpoints
	metas    *cache[*block.Meta]
	texts    *cache[*block.Text]
	times    *cache[timeline]
	filters  *cache[*block.Filter]
	sketches *cache[*block.Sketches]
	counts   *cache[*block.Columns]

	names atomic.Pointer[map[event.Tenant]*tenant] // replaced whole: every event asks

	// moves counts the steps of rewriting: it is odd while what is on disk and
	// what follows differ. It changes with mu held.
	moves atomic.Uint64
	turns *turns

	mu      sync.RWMutex // guards what follows, and replacing names
	tenants map[tenantID]*tenant
	buckets map[bucketID]*bucket
	headers map[block.ID]*block.Header
}

// A tenant holds one tenant's keys.
type tenant struct {
	id         tenantID
	name       event.Tenant
	ids        keyring.PRF    // of event ids
	pseudonyms keyring.PRF    // of personal values
	tokens     keyring.PRF    // of page tokens
	words      keyring.Hasher // of words, in filters: a bucket keeps them when it gets new keys
	texts      keyring.Hasher // of whole texts, in sketches: likewise
	buckets    []bucketID     // ascending; guarded by store.mu
}

// A bucket holds one bucket's keys.
type bucket struct {
	id     bucketID
	tenant tenantID
	day    uint32 // UTC, since 1970-01-01
	class  string
	blocks keyring.AEAD   // wraps block keys, seals quarantined entries
	index  keyring.PRF    // of terms
	words  keyring.Hasher // the tenant's
	texts  keyring.Hasher // likewise
	ids    []block.ID     // ascending; guarded by store.mu

	indexID indexID
	closed  bool // nothing is appended to it any more; guarded by store.mu
}

// disk reads what is stored, as it is now or as it was when a snapshot was
// taken. Safe for concurrent use.
type disk struct{ reader pebble.Reader }

func newStore(db *pebble.DB, ring *keyring.Ring, cfg Config) (*store, error) {
	vkey, err := ring.VerifierKey(cfg.origin(ring))
	if err != nil {
		return nil, err
	}
	codec, err := block.NewCodec()
	if err != nil {
		return nil, err
	}
	s := &store{
		disk: disk{db}, db: db, ring: ring, codec: codec, vkey: vkey,
		tenants: map[tenantID]*tenant{},
		buckets: map[bucketID]*bucket{},
		headers: map[block.ID]*block.Header{},
		turns:   newTurns(),
	}
	s.names.Store(&map[event.Tenant]*tenant{})
	share := cfg.CacheBytes / 16
	s.metas = newCache[*block.Meta](2*share, s.removed, nil)
	s.texts = newCache(2*share, s.removed, codec.Recycle)
	s.times = newCache[timeline](share, s.removed, nil)
	s.filters = newCache[*block.Filter](4*share, s.removed, nil)
	s.sketches = newCache[*block.Sketches](2*share, s.removed, nil)
	s.counts = newCache[*block.Columns](2*share, s.removed, nil)
	return s, nil
}

// get returns a copy of the value at key, nil if there is none.
func (d disk) get(key []byte) ([]byte, error) {
	v, closer, err := d.reader.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, storageError(err)
	}
	return bytes.Clone(v), closer.Close()
}

// storageError marks what Pebble calls corruption as ErrTampered.
func storageError(err error) error {
	if pebble.IsCorruptionError(err) {
		first, _, _ := strings.Cut(err.Error(), "\n") // what follows is for programs
		return fmt.Errorf("%w: %w: %s", ErrTampered, ErrCorrupt, first)
	}
	return fmt.Errorf("read: %w", err)
}

// each calls f for each key with the prefix, in order. The slices are valid
// during the call.
func (d disk) each(prefix []byte, f func(key, value []byte) error) error {
	return d.eachOf([][]byte{prefix}, f)
}

// eachOf is each for prefixes, which ascend and do not begin with one another:
// to look for the next one from where the last one was costs less than to begin
// anew.
func (d disk) eachOf(prefixes [][]byte, f func(key, value []byte) error) error {
	if len(prefixes) == 0 {
		return nil
	}
	it, err := d.reader.NewIter(&pebble.IterOptions{LowerBound: prefixes[0], UpperBound: prefixEnd(prefixes[len(prefixes)-1])})
	if err != nil {
		return storageError(err)
	}
	for _, prefix := range prefixes {
		for ok := it.SeekGE(prefix); ok && bytes.HasPrefix(it.Key(), prefix); ok = it.Next() {
			v, err := it.ValueAndErr()
			if err == nil {
				err = f(it.Key(), v)
			}
			if err != nil {
				return errors.Join(err, it.Close())
			}
		}
		if err := it.Error(); err != nil {
			return errors.Join(storageError(err), it.Close())
		}
	}
	return it.Close()
}

// has reports whether there is any key from first up to end.
func (d disk) has(first, end []byte) (bool, error) {
	it, err := d.reader.NewIter(&pebble.IterOptions{LowerBound: first, UpperBound: end})
	if err != nil {
		return false, storageError(err)
	}
	found := it.First()
	if err := it.Error(); err != nil {
		return false, errors.Join(storageError(err), it.Close())
	}
	return found, it.Close()
}

// load reads the catalogue: tenants, buckets and block headers. What does not
// open is passed to bad, which returns nil to go on without it.
func (s *store) load(bad func(error) error) error {
	for _, part := range []struct {
		space byte
		open  func(id, value []byte) error
	}{
		{spaceTenant, s.loadTenant}, {spaceBucket, s.loadBucket}, {spaceHeader, s.loadHeader},
	} {
		err := s.each(key1(part.space), func(k, v []byte) error {
			if err := part.open(k[1:], v); err != nil {
				return bad(err)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *store) loadTenant(id, value []byte) error {
	if len(id) != 4 {
		return fmt.Errorf("%w: a tenant's key has %d bytes", ErrTampered, len(id))
	}
	t, err := s.openTenant(tenantID(binary.BigEndian.Uint32(id)), value)
	if err == nil {
		s.addTenant(t)
	}
	return err
}

func (s *store) loadBucket(id, value []byte) error {
	if len(id) != 4 {
		return fmt.Errorf("%w: a bucket's key has %d bytes", ErrTampered, len(id))
	}
	b, err := s.openBucket(bucketID(binary.BigEndian.Uint32(id)), value)
	if err != nil {
		return err
	}
	return s.addBucket(b)
}

func (s *store) loadHeader(id, value []byte) error {
	if len(id) != 8 {
		return fmt.Errorf("%w: a header's key has %d bytes", ErrTampered, len(id))
	}
	number := block.ID(binary.BigEndian.Uint64(id))
	h, err := block.ParseHeader(value)
	if err != nil {
		return fmt.Errorf("%w: block %d: %w", ErrTampered, number, err)
	}
	return s.addBlock(number, &h)
}

// checkState reports whether a number that is in use was not given out yet: it
// would be given out again, and what is stored under it overwritten.
func (s *store) checkState(st state) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for id := range s.headers {
		if id > st.block {
			return fmt.Errorf("%w: there is a block %d, the last number given out is %d", ErrTampered, id, st.block)
		}
	}
	for id, b := range s.buckets {
		if id > st.bucket || bucketID(b.indexID) > st.bucket {
			return fmt.Errorf("%w: there is a bucket %d, the last number given out is %d", ErrTampered, max(id, bucketID(b.indexID)), st.bucket)
		}
	}
	for id := range s.tenants {
		if id > st.tenant {
			return fmt.Errorf("%w: there is a tenant %d, the last number given out is %d", ErrTampered, id, st.tenant)
		}
	}
	return nil
}

func (s *store) addTenant(t *tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tenants[t.id] = t
	names := maps.Clone(*s.names.Load())
	names[t.name] = t
	s.names.Store(&names)
}

func (s *store) addBucket(b *bucket) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tenants[b.tenant]
	if t == nil {
		return fmt.Errorf("%w: bucket %d is of tenant %d, which is not there", ErrTampered, b.id, b.tenant)
	}
	b.words, b.texts = t.words, t.texts
	s.buckets[b.id] = b
	t.buckets = append(t.buckets, b.id)
	return nil
}

func (s *store) addBlock(id block.ID, h *block.Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.putBlock(id, h)
}

// dropBlock is the inverse of putBlock. The caller holds mu.
func (s *store) dropBlock(id block.ID) {
	b := s.buckets[bucketID(s.headers[id].Bucket)]
	if at, ok := slices.BinarySearch(b.ids, id); ok {
		b.ids = slices.Delete(b.ids, at, at+1)
	}
	delete(s.headers, id)
	s.metas.remove(id)
	s.texts.remove(id)
	s.times.remove(id)
	s.filters.remove(id)
	s.sketches.remove(id)
	s.counts.remove(id)
}

// putBlock is addBlock for a caller that holds mu.
func (s *store) putBlock(id block.ID, h *block.Header) error {
	b := s.buckets[bucketID(h.Bucket)]
	if b == nil {
		return fmt.Errorf("%w: block %d is of bucket %d, which is not there", ErrTampered, id, h.Bucket)
	}
	s.headers[id] = h
	at, _ := slices.BinarySearch(b.ids, id) // Mostly at the end.
	b.ids = slices.Insert(b.ids, at, id)
	return nil
}

// named returns the tenant, nil if it has never stored anything.
func (s *store) named(name event.Tenant) *tenant { return (*s.names.Load())[name] }

func (s *store) tenantNames() []event.Tenant { return slices.Sorted(maps.Keys(*s.names.Load())) }

func tenantUse(id tenantID) []byte {
	return binary.BigEndian.AppendUint32([]byte("tenant"), uint32(id))
}

func bucketUse(id bucketID) []byte {
	return binary.BigEndian.AppendUint32([]byte("bucket"), uint32(id))
}

// newTenant makes a tenant's keys, and the record that stores them.
func (s *store) newTenant(id tenantID, name event.Tenant) (*tenant, []byte, error) {
	secret, wrapped, err := s.ring.Current().NewSecret(tenantUse(id))
	if err != nil {
		return nil, nil, err
	}
	sealer, err := secret.AEAD("name")
	if err != nil {
		return nil, nil, err
	}
	sealed, err := sealer.Seal([]byte(name), nil)
	if err != nil {
		return nil, nil, err
	}
	t, err := deriveTenant(id, name, secret)
	return t, append(wrapped, sealed...), err
}

func (s *store) openTenant(id tenantID, record []byte) (*tenant, error) {
	secret, sealed, err := s.openSecret(record, tenantUse(id))
	if err != nil {
		return nil, fmt.Errorf("open tenant %d: %w", id, err)
	}
	opener, err := secret.AEAD("name")
	if err != nil {
		return nil, err
	}
	name, err := opener.Open(sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("open tenant %d: %w: its name %w", id, ErrTampered, err)
	}
	return deriveTenant(id, event.Tenant(name), secret)
}

func deriveTenant(id tenantID, name event.Tenant, secret keyring.Secret) (*tenant, error) {
	t := &tenant{id: id, name: name}
	for use, prf := range map[string]*keyring.PRF{"id": &t.ids, "pseudonym": &t.pseudonyms, "token": &t.tokens} {
		var err error
		if *prf, err = secret.PRF(use); err != nil {
			return nil, err
		}
	}
	var err error
	if t.words, err = secret.Hasher("words"); err != nil {
		return nil, err
	}
	t.texts, err = secret.Hasher("texts")
	return t, err
}

// openSecret opens the wrapped secret that a record begins with, and returns
// the rest.
func (s *store) openSecret(record, use []byte) (keyring.Secret, []byte, error) {
	if len(record) < keyring.WrappedSize {
		return keyring.Secret{}, nil, fmt.Errorf("%w: record is too short", ErrTampered)
	}
	secret, err := s.ring.Current().OpenSecret(record[:keyring.WrappedSize], use)
	if err != nil {
		return keyring.Secret{}, nil, fmt.Errorf("%w: its key %w", ErrTampered, err)
	}
	return secret, record[keyring.WrappedSize:], nil
}

// newBucket makes a bucket's keys in an epoch, and the record that stores them.
func newBucket(in *keyring.Epoch, id bucketID, t *tenant, class string, day uint32, index indexID) (*bucket, []byte, error) {
	secret, wrapped, err := in.NewSecret(bucketUse(id))
	if err != nil {
		return nil, nil, err
	}
	sealer, err := secret.AEAD("name")
	if err != nil {
		return nil, nil, err
	}
	b := &bucket{id: id, tenant: t.id, day: day, class: class, indexID: index, words: t.words, texts: t.texts}
	sealed, err := sealer.Seal(b.name(), nil)
	if err != nil {
		return nil, nil, err
	}
	b, err = deriveBucket(b, secret)
	return b, append(wrapped, sealed...), err
}

// name is what a bucket's record says of it, before sealing.
func (b *bucket) name() []byte {
	name := binary.BigEndian.AppendUint32(nil, uint32(b.tenant))
	name = binary.BigEndian.AppendUint32(name, b.day)
	name = append(name, b.class...)
	if b.indexID != indexID(b.id) {
		name = binary.BigEndian.AppendUint32(append(name, 0), uint32(b.indexID))
	}
	return name
}

// parseName is the inverse of name.
func (b *bucket) parseName(name []byte) error {
	if len(name) < 8 {
		return fmt.Errorf("%w: its name is malformed", ErrTampered)
	}
	b.tenant, b.day = tenantID(binary.BigEndian.Uint32(name)), binary.BigEndian.Uint32(name[4:])
	class, index, moved := bytes.Cut(name[8:], []byte{0})
	b.class, b.indexID = string(class), indexID(b.id)
	if !moved {
		return nil
	}
	if len(index) != 4 {
		return fmt.Errorf("%w: its name is malformed", ErrTampered)
	}
	b.indexID = indexID(binary.BigEndian.Uint32(index))
	return nil
}

func (s *store) openBucket(id bucketID, record []byte) (*bucket, error) {
	secret, sealed, err := s.openSecret(record, bucketUse(id))
	if err != nil {
		return nil, fmt.Errorf("open bucket %d: %w", id, err)
	}
	opener, err := secret.AEAD("name")
	if err != nil {
		return nil, err
	}
	name, err := opener.Open(sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("open bucket %d: %w: its name does not open", id, ErrTampered)
	}
	b := &bucket{id: id}
	if err := b.parseName(name); err != nil {
		return nil, fmt.Errorf("open bucket %d: %w", id, err)
	}
	return deriveBucket(b, secret)
}

func deriveBucket(b *bucket, secret keyring.Secret) (_ *bucket, err error) {
	if b.blocks, err = secret.AEAD("block"); err != nil {
		return nil, err
	}
	b.index, err = secret.PRF("index")
	return b, err
}

// header returns the header of a block and its bucket; ErrErased if it is gone.
func (s *store) header(id block.ID) (*block.Header, *bucket, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	h := s.headers[id]
	if h == nil {
		return nil, nil, ErrErased
	}
	return h, s.buckets[bucketID(h.Bucket)], nil
}

// removed reports whether a block is gone.
func (s *store) removed(id block.ID) bool {
	_, _, err := s.header(id)
	return err != nil
}

// meta returns the meta section of a block.
func (s *store) meta(id block.ID, stats *Stats) (*block.Meta, error) {
	e, err := s.metas.get(id, counting(stats, s.openMeta))
	if err != nil {
		return nil, err
	}
	s.metas.done(e)
	return e.section, nil
}

// A timeline is what orders the events of a block: small enough to be kept for
// many blocks, so that a scan need not open them all again for every page.
type timeline []block.Moment

// Size returns the memory the timeline takes, in bytes.
func (t timeline) Size() int { return 16*len(t) + 64 }

// timeline returns the times and seqs of the events of a block as d has it.
func (s *store) timeline(d disk, id block.ID, h *block.Header, b *bucket, stats *Stats) (timeline, error) {
	e, err := s.times.get(id, counting(stats, func(block.ID) (timeline, error) { return openMeta(d, id, h, b, s.codec.OpenMoments) }))
	if err != nil {
		return nil, err
	}
	s.times.done(e)
	return e.section, nil
}

func (s *store) openMeta(id block.ID) (*block.Meta, error) {
	h, b, err := s.header(id)
	if err != nil {
		return nil, err
	}
	m, err := openMeta(s.disk, id, h, b, s.codec.OpenMeta)
	return m, s.movedError(id, err)
}

// openMeta reads a block's meta section and opens it with one of the codec's
// functions.
func openMeta[M any](d disk, id block.ID, h *block.Header, b *bucket, open func(block.ID, block.Header, keyring.AEAD, []byte) (M, error)) (m M, err error) {
	v, closer, err := d.reader.Get(metaKey(id))
	if err != nil {
		return m, blockError(id, err)
	}
	m, err = open(id, *h, b.blocks, v)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return m, errors.Join(err, closer.Close())
}

// whole is the index of no event: what opens as far as it opens the whole block.
const whole = math.MaxInt

// text calls f with the text section of a block, which has the events up to the
// given one at least and is valid until f returns. Whoever will go through the
// block asks for the whole: from its beginning on it is opened but once.
func (s *store) text(id block.ID, to int, stats *Stats, f func(*block.Text) error) error {
	open := counting(stats, func(id block.ID) (*block.Text, error) { return s.openText(id, to) })
	e, err := s.texts.get(id, open)
	for err == nil && e.section.Opened() < e.section.Len() && e.section.Opened() <= to {
		to = whole // More of it is wanted than was: it will be again.
		e, err = s.texts.replace(e, open)
	}
	if err != nil {
		return err
	}
	defer s.texts.done(e)
	return f(e.section)
}

// openText returns the text section of a block, as far as an event, past the
// cache. The caller may recycle it.
func (s *store) openText(id block.ID, to int) (*block.Text, error) {
	h, b, err := s.header(id)
	if err != nil {
		return nil, err
	}
	t, err := readTextTo(s.disk, s.codec, id, h, b, to)
	return t, s.movedError(id, err)
}

// movedError returns ErrErased instead of an error that comes from a block's
// having been removed while it was read.
func (s *store) movedError(id block.ID, err error) error {
	if err == nil {
		return nil
	}
	if _, _, gone := s.header(id); gone != nil {
		return gone
	}
	return err
}

func readText(d disk, codec *block.Codec, id block.ID, h *block.Header, b *bucket) (*block.Text, error) {
	return readTextTo(d, codec, id, h, b, whole)
}

func readTextTo(d disk, codec *block.Codec, id block.ID, h *block.Header, b *bucket, to int) (t *block.Text, err error) {
	v, closer, err := d.reader.Get(textKey(id))
	if err != nil {
		return nil, blockError(id, err)
	}
	if to < int(h.Count)-1 {
		t, err = codec.OpenTextTo(id, *h, b.blocks, v, to)
	} else {
		t, err = codec.OpenText(id, *h, b.blocks, v)
	}
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return t, errors.Join(err, closer.Close())
}

func blockError(id block.ID, err error) error {
	if errors.Is(err, pebble.ErrNotFound) {
		return fmt.Errorf("%w: a section of block %d", errMissing, id)
	}
	return fmt.Errorf("block %d: %w", id, storageError(err))
}

// page returns a location page, nil if there is none.
func (d disk) page(n uint64) ([]location, error) {
	v, err := d.get(locationKey(n))
	if err != nil || v == nil {
		return nil, err
	}
	return decodePage(v)
}

// locate returns where the event at seq lies. ErrNotFound beyond the end,
// ErrErased where it was forgotten.
func (d disk) locate(seq event.Seq) (location, error) {
	page, err := d.page(uint64(seq) / pageWidth)
	if err != nil {
		return location{}, err
	}
	i := int(seq % pageWidth)
	if i >= len(page) {
		return location{}, ErrNotFound
	}
	if page[i].block == 0 {
		return location{}, ErrErased
	}
	return page[i], nil
}

// lookup returns the position of the event with the id.
func (d disk) lookup(t *tenant, id string) (event.Seq, error) {
	hash, err := t.ids.Sum([]byte(id), idHashSize)
	if err != nil {
		return 0, err
	}
	return d.lookupHash(t, hash)
}

func (d disk) lookupHash(t *tenant, hash []byte) (event.Seq, error) {
	v, closer, err := d.reader.Get(idKey(t.id, hash))
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, storageError(err)
	}
	defer closer.Close()
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: id record has %d bytes", ErrTampered, len(v))
	}
	return event.Seq(binary.BigEndian.Uint64(v)), nil
}

// bundle returns the commitments of an entry bundle, nil if there is none.
func (d disk) bundle(index uint64) ([]byte, error) {
	b, err := d.get(bundleKey(index))
	if err == nil && (len(b)%tree.HashSize != 0 || len(b) > tree.Width*tree.HashSize) {
		return nil, fmt.Errorf("%w: bundle %d has %d bytes", ErrTampered, index, len(b))
	}
	return b, err
}

// tile returns the hashes of a stored tile, nil if there is none.
func (d disk) tile(level int, index uint64) ([]tree.Hash, error) {
	b, err := d.get(tileKey(level, index))
	if err != nil || b == nil {
		return nil, err
	}
	hashes, err := tree.ParseHashes(b)
	if err != nil {
		return nil, fmt.Errorf("%w: tile %d/%d: %w", ErrTampered, level, index, err)
	}
	return hashes, nil
}
