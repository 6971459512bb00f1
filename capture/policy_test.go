package capture_test

import (
	"context"
	"fmt"
	"iter"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
)

// document returns the text of a policy with a rate.
func document(rate string) string {
	return "classes: {routine: {keep: 30d}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: routine}]\nsampling: [{rate: " + rate + "}]\n"
}

// bucket makes the bucket as a store does.
func (r *rig) bucket() jetstream.KeyValue {
	r.t.Helper()
	kv, err := r.js.CreateKeyValue(r.t.Context(), jetstream.KeyValueConfig{Bucket: event.PolicyBucket, Storage: jetstream.FileStorage})
	if err != nil {
		r.t.Fatal(err)
	}
	return kv
}

// put puts a policy in force, and tries again while the server is away.
func (r *rig) put(tenant, text string) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		kv, err := r.js.KeyValue(r.t.Context(), event.PolicyBucket)
		if err == nil {
			_, err = kv.Put(r.t.Context(), tenant, []byte(text))
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatal(err)
		}
	}
}

// watch returns what tells the next document that a watcher sees, or fails.
func (r *rig) watch(ctx context.Context, tenant event.Tenant) func() (*policy.Document, error) {
	next, stop := iter.Pull2(capture.WatchPolicy(ctx, r.js, tenant))
	r.t.Cleanup(stop)
	return func() (*policy.Document, error) {
		r.t.Helper()
		d, err, ok := next()
		if !ok {
			r.t.Fatal("the watch has ended")
		}
		return d, err
	}
}

func want(t *testing.T, next func() (*policy.Document, error), text string) {
	t.Helper()
	d, err := next()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(d.Source()); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
}

// A publisher sees the policy in force and each that comes, of its tenant alone and
// as it is for the tenant, also after the server was away; once each; and what it
// cannot read is said and keeps nothing back.
func TestWatchPolicy(t *testing.T) {
	r := newRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next := r.watch(ctx, "acme") // before there is a bucket
	r.bucket()
	r.put("other", document("0.9"))
	r.put("acme", document("0.1"))
	want(t, next, document("0.1"))
	r.put("acme", document("0.1")) // is no change
	r.put("acme", document("0.2"))
	want(t, next, document("0.2"))

	r.stop()
	r.start()
	r.put("acme", document("0.3"))
	want(t, next, document("0.3"))

	r.put("acme", "classes: {}")
	if d, err := next(); err == nil || d != nil {
		t.Errorf("got %v, %v, want an error", d, err)
	}
	promising := document("0.4") + "overrides: [{tenant: acme, class: routine, keep: 60d}]\n"
	r.put("acme", promising)
	d, err := next()
	if err != nil {
		t.Fatal(err)
	}
	if c, _ := d.Class("routine"); c.Keep != 60*24*time.Hour {
		t.Errorf("routine is kept for %v, want what the tenant's override says", c.Keep)
	}

	late := r.watch(ctx, "acme")
	want(t, late, promising)
}

// A watch ends with its context, and with a connection that is closed for good,
// which it says.
func TestWatchPolicyEnds(t *testing.T) {
	r := newRig(t)
	r.bucket()
	r.put("acme", document("0.1"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range capture.WatchPolicy(ctx, r.js, "acme") {
		n++
		cancel()
	}
	if n != 1 {
		t.Errorf("%d documents came, want 1", n)
	}
	var last error
	for _, err := range capture.WatchPolicy(t.Context(), r.js, "acme") {
		r.js.Conn().Close()
		last = err
	}
	if last == nil {
		t.Error("the watch ended and did not say why")
	}
}

// What a publisher does with the policy in force.
func ExampleWatchPolicy() {
	var js jetstream.JetStream // of the publisher's connection
	follow := func(ctx context.Context) {
		for document, err := range capture.WatchPolicy(ctx, js, "acme") {
			if err != nil {
				fmt.Println("the policy before stays:", err)
				continue
			}
			fmt.Println("in force:", document.Version())
		}
	}
	_ = follow
}
