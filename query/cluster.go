package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Bounds of a ClusterRequest.
const (
	MaxClustered = 10_000 // events
	// maxShingles bounds what is held of all texts, in shingles of eight bytes:
	// 10,000 texts of 1,600 words.
	maxShingles = 16 << 20
)

var errShingles = &RequestError{"maxEvents", fmt.Sprintf("is too many here: the texts have more than %d words together", maxShingles)}

// A ClusterRequest asks for the events that a search finds, put together by what
// they say.
type ClusterRequest struct {
	Filter string    // a CEL condition, as in a Request
	Since  time.Time // only events at or after; zero: no bound
	Until  time.Time // only events before; zero: no bound

	Voices      []event.Voice // the text of an event is that of the first that says any; none: what was generated, or else shown
	Threshold   float64       // how alike at least a text is to its cluster's, MinThreshold to 1; 0: DefaultThreshold
	MaxEvents   int           // 1 to MaxClustered, the newest; 0: MaxClustered
	MaxClusters int           // 1 to MaxResults; 0: DefaultResults

	// ReadMask says which fields of each cluster's event to return; nil: all but
	// texts.
	ReadMask *fieldmaskpb.FieldMask
}

// Clusters are events put together by what they say.
type Clusters struct {
	Clusters    []Cluster // the largest first
	Count       int       // of all clusters, with those beyond MaxClusters
	Reach       Reach     // of the events that were looked at
	WithoutText int       // of them, in no cluster
	More        bool      // there are more events than were looked at
	Threshold   float64   // that applied
}

// A Cluster is events whose texts are nearly the same as one.
type Cluster struct {
	Text  string // the beginning of the one that represents them: the one that most have
	Reach Reach
	Texts int         // different ones
	Least float64     // how alike the least alike of them is to it
	Event *pb.Event   // the first in the log with the text that represents them
	Seqs  []event.Seq // of the events, ascending; up to 100
}

// Cluster puts the newest events that match together by what they say. The text
// that most of them have represents the first cluster, to which all belong that are
// as alike to it as asked for; so it goes on with those that are left. Every text
// is compared to that of its cluster word for word; one in a hundred that just
// reaches the threshold may be put apart.
//
// Errors: as of Search; *RequestError also where the events have more text than
// can be compared at once.
func (e *Engine) Cluster(ctx context.Context, t event.Tenant, r ClusterRequest) (*Clusters, error) {
	c, err := e.clustering(t, r)
	if err != nil {
		return nil, err
	}
	if c.search == nil {
		return &c.out, nil
	}
	for _, step := range []func(context.Context) error{
		func(ctx context.Context) error { return c.collect(ctx, e.log) },
		c.read, c.gather, c.show,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return &c.out, nil
}

// clustering is a Cluster under way.
type clustering struct {
	search    *search
	voices    []event.Voice
	threshold float64
	size      int     // clusters to return
	room      *memory // for shingles

	utterances []*utterance // different texts
	clusters   []*cluster
	out        Clusters
}

// utterance is a text and the events that have it.
type utterance struct {
	saying  eventlog.Saying
	entries []*eventlog.Entry // in log order
	reach   Reach
	text    string // its beginning
	set     minhash.Set
	taken   bool // it is in a cluster
}

// cluster is utterances together; the first is the one that represents them.
type cluster struct {
	of    []*utterance
	reach Reach
	least float64
}

// clustering makes a request ready; the search is nil where the tenant has no
// events.
func (e *Engine) clustering(t event.Tenant, r ClusterRequest) (c *clustering, err error) {
	c = &clustering{voices: said(r.Voices), room: newMemory(maxShingles)}
	if c.threshold, err = threshold(r.Threshold); err != nil {
		return nil, err
	}
	c.out.Threshold = c.threshold
	if c.size, err = bounded("maxClusters", r.MaxClusters, DefaultResults, MaxResults); err != nil {
		return nil, err
	}
	events, err := bounded("maxEvents", r.MaxEvents, MaxClustered, MaxClustered)
	if err != nil {
		return nil, err
	}
	c.search, err = e.search(t, Request{Filter: r.Filter, Since: r.Since, Until: r.Until, ReadMask: r.ReadMask})
	if c.search != nil {
		c.search.size = events
	}
	return c, err
}

// collect finds the events, and what is known of their texts.
func (c *clustering) collect(ctx context.Context, log *eventlog.Log) error {
	found, _, err := c.search.find(ctx, log)
	if err != nil {
		return err
	}
	if c.out.More = len(found) > c.search.size; c.out.More {
		found = found[:c.search.size]
	}
	slices.SortFunc(found, func(a, b *eventlog.Entry) int { return cmp.Compare(a.Seq, b.Seq) })
	known := map[eventlog.Saying]*utterance{}
	for _, entry := range found {
		saying, says, probability, err := entry.Saying(c.voices)
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return err
		}
		c.out.Reach.add(probability)
		if !says {
			c.out.WithoutText++
			continue
		}
		u := known[saying]
		if u == nil {
			u = &utterance{saying: saying}
			known[saying], c.utterances = u, append(c.utterances, u)
		}
		u.entries = append(u.entries, entry)
		u.reach.add(probability)
	}
	return nil
}

// read reads every text once.
func (c *clustering) read(ctx context.Context) error {
	for part := range slices.Chunk(c.utterances, 8*stretch) {
		firsts := make([]*eventlog.Entry, len(part))
		for i, u := range part {
			firsts[i] = u.entries[0]
		}
		if err := shared(ctx, firsts, func(i int) error {
			if err := part[i].read(c.voices); err != nil {
				return err
			}
			if !c.room.take(len(part[i].set)) {
				return errShingles
			}
			return nil
		}); err != nil {
			return err
		}
	}
	c.utterances = slices.DeleteFunc(c.utterances, func(u *utterance) bool { return len(u.entries) == 0 })
	return nil
}

// read reads the text. Where events were forgotten meanwhile, they are left out.
func (u *utterance) read(voices []event.Voice) error {
	for len(u.entries) > 0 {
		e, err := u.entries[0].Event()
		if errors.Is(err, eventlog.ErrErased) {
			u.entries = u.entries[1:]
			continue
		}
		if err != nil {
			return err
		}
		for _, v := range voices {
			if text := event.TextOf(e, v); text != "" {
				u.text, u.set = event.Beginning(text, eventlog.MaxBeginning), minhash.Of(text)
				break
			}
		}
		return nil
	}
	return nil
}

// gather makes the clusters: those that most events have draw the others.
func (c *clustering) gather(ctx context.Context) error {
	rest := c.utterances
	slices.SortStableFunc(rest, func(a, b *utterance) int { return cmp.Compare(b.reach.Events, a.reach.Events) })
	sieve := minhash.NewSieve(c.threshold)
	for i, u := range rest {
		if u.taken {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		of := &cluster{least: 1}
		of.take(u, 1)
		for _, o := range rest[i+1:] {
			if o.taken || !sieve.May(u.saying.Sketch, o.saying.Sketch, len(u.set), len(o.set)) {
				continue
			}
			if alike := minhash.Jaccard(u.set, o.set); alike >= c.threshold {
				of.take(o, alike)
			}
		}
		c.clusters = append(c.clusters, of)
	}
	slices.SortStableFunc(c.clusters, func(a, b *cluster) int { return cmp.Compare(b.reach.Events, a.reach.Events) })
	c.out.Count = len(c.clusters)
	c.clusters = c.clusters[:min(len(c.clusters), c.size)]
	return nil
}

func (of *cluster) take(u *utterance, alike float64) {
	u.taken = true
	of.of = append(of.of, u)
	of.reach.Events += u.reach.Events
	of.reach.Weighted += u.reach.Weighted
	of.reach.Unknown += u.reach.Unknown
	of.least = min(of.least, alike)
}

// show says what is told of the clusters, as many as fit a page.
func (c *clustering) show(ctx context.Context) error {
	firsts, beside := make([]*eventlog.Entry, len(c.clusters)), make([]int, len(c.clusters))
	for i, of := range c.clusters {
		firsts[i], beside[i] = of.of[0].entries[0], besideEvent(of.of[0].text, of.reach.Events)
	}
	events, err := describe(ctx, firsts, beside, c.search.wanted)
	for i, e := range events {
		of := c.clusters[i]
		c.out.Clusters = append(c.out.Clusters, Cluster{
			Text: of.of[0].text, Reach: of.reach, Texts: len(of.of), Least: of.least, Event: e, Seqs: of.seqs(),
		})
	}
	return err
}

// seqs returns the first positions of its events.
func (of *cluster) seqs() (all []event.Seq) {
	for _, u := range of.of {
		for _, e := range u.entries[:min(len(u.entries), maxSeqs)] {
			all = append(all, e.Seq)
		}
	}
	slices.Sort(all)
	return all[:min(len(all), maxSeqs)]
}
