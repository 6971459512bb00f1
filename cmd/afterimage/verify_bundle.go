package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"

	"github.com/afterimage/afterimage/query/bag"
	"github.com/afterimage/afterimage/query/export"
	"github.com/afterimage/afterimage/witness"
)

// isBundle tells whether a path is that of a bundle, whatever became of it: a
// directory with some of a bag's own files, or a zip file, by its name or by how it
// begins.
func isBundle(path string) bool {
	if isDir(path) {
		return slices.ContainsFunc(append(bag.Manifests(), bag.Declaration, bag.Info), func(name string) bool {
			return isThere(filepath.Join(path, name))
		})
	}
	return isThere(path) && (strings.EqualFold(filepath.Ext(path), ".zip") || beginsWith(path, "PK\x03\x04"))
}

// beginsWith tells whether a file can be read and how it begins.
func beginsWith(path, magic string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	begins := make([]byte, len(magic))
	_, err = io.ReadFull(f, begins)
	return err == nil && string(begins) == magic
}

// bundle checks a bundle.
func (c *verifyCmd) bundle(ctx context.Context, s streams) error {
	fsys, closer, err := bag.Open(c.Proof)
	if err != nil {
		return noBundle(err)
	}
	defer closer.Close()
	policy, err := c.trust()
	if err != nil {
		return err
	}
	own := policy == nil
	if own {
		if policy, err = ownTrust(fsys); err != nil {
			return prefixed(c.Proof, err)
		}
	}
	r := bundleFindings{format: c.format, s: s, style: styleFor(s.out), bar: newProgress(s.err, "checked", "events")}
	defer r.bar.stop()
	found, err := export.Verify(ctx, fsys, export.Verification{
		Trust: func(signed []byte) (cp log.Checkpoint, err error) {
			cp, r.cosigned, err = policy.Open(signed)
			return cp, err
		},
		Signed: policy.Signed, Stamp: witness.CheckStamp, Software: software(), Report: r.report, Progress: r.bar.set,
	})
	r.bar.stop()
	if err != nil {
		return noBundle(fmt.Errorf("%s: %w", c.Proof, err))
	}
	return r.result(c.Proof, found, own)
}

// noBundle says of what cannot be checked what it may be.
func noBundle(err error) error {
	if errors.Is(err, bag.ErrNoBag) {
		return coded{fmt.Errorf("%w: it is no bundle, or was cut short", err), exitTampered}
	}
	return err
}

// ownTrust is the policy that a bundle brings along.
func ownTrust(fsys fs.FS) (*witness.Policy, error) {
	text, err := fs.ReadFile(fsys, export.TrustFile)
	if err != nil {
		return nil, coded{fmt.Errorf("%s is missing: give the log's verifier key with --key, or --policy", export.TrustFile), exitTampered}
	}
	p, err := witness.ParsePolicy(text)
	if err == nil && len(p.Logs) == 0 {
		err = errors.New("it names no log")
	}
	if err != nil {
		return nil, coded{fmt.Errorf("%s: %w", export.TrustFile, err), exitTampered}
	}
	return p, nil
}

// bundleFindings prints what is found in a bundle.
type bundleFindings struct {
	format
	s        streams
	style    style
	bar      *progress
	cosigned []witness.Cosignature
	n        int // what was found
	follow   int // of that, what may follow from the rest
}

// shownProblems is how many problems are shown one by one.
const shownProblems = 100

// A bundleProblem is what -o json prints of a problem.
type bundleProblem struct {
	File    string `json:"file"`
	Reason  string `json:"reason"`
	Follows bool   `json:"follows,omitempty"`
}

// report shows what is wrong by itself: what follows from it would bury it, and is
// counted.
func (r *bundleFindings) report(p bag.Problem) {
	r.n++
	if p.Follows {
		r.follow++
	}
	if r.json() {
		text, err := json.Marshal(map[string]bundleProblem{"problem": {p.File, p.Reason, p.Follows}})
		if err == nil {
			fmt.Fprintf(r.s.out, "%s\n", text)
		}
		return
	}
	if !p.Follows && r.n-r.follow <= shownProblems {
		r.bar.clear()
		fmt.Fprintf(r.s.out, "%s %s %s\n", r.style.paint(bold+";"+red, "WRONG"), visible(p.File), visible(p.Reason))
	}
}

// result prints the verdict; what was found ends the program with code 3.
func (r *bundleFindings) result(name string, v export.Verified, own bool) error {
	if r.json() {
		if err := r.resultJSON(v, own); err != nil {
			return err
		}
	} else if r.n == 0 {
		r.print(v, own)
	}
	if r.n > 0 {
		return coded{fmt.Errorf("%s: %s", name, r.verdict()), exitTampered}
	}
	return nil
}

// verdict says how much is wrong.
func (r *bundleFindings) verdict() string {
	text := "1 thing is not as it was exported"
	if n := r.n - r.follow; n != 1 {
		text = fmt.Sprintf("%d things are not as they were exported", n)
	}
	if r.follow > 0 {
		text += fmt.Sprintf(", and %d more may be wrong for no other reason (-o json names all)", r.follow)
	}
	return text
}

func (r *bundleFindings) print(v export.Verified, own bool) {
	out, asked := r.s.out, v.Request
	fmt.Fprintf(out, "%s: %d events of %d sessions, all that were exported and no others\n", r.style.paint(bold+";"+green, "verified"), v.Events, v.Sessions)
	fmt.Fprintf(out, "exported %s by %s: %s\n", v.Ready.GetTime().AsTime().Format(time.RFC3339), visible(asked.GetActor()), visible(asked.GetReason()))
	fmt.Fprintf(out, "of tenant %s, as of position %d; operation %s\n", visible(v.Tenant), v.Ready.GetExported().GetBefore(), visible(asked.GetOperation()))
	if v.Redacted > 0 {
		fmt.Fprintf(out, "%d of them were redacted since they were stored, as the ledger says\n", v.Redacted)
	}
	fmt.Fprintf(out, "log %s, %d events, root %x\n", visible(v.Checkpoint.Origin), v.Checkpoint.Size, v.Checkpoint.Hash)
	for _, w := range r.cosigned {
		fmt.Fprintf(out, "cosigned by %s at %s\n", visible(w.Witness), w.Time.Format(time.RFC3339))
	}
	if v.Stamped > 0 {
		fmt.Fprintf(out, "its first %d events were time-stamped at %s, by whom openssl ts tells\n", v.Stamped, v.StampTime.Format(time.RFC3339))
	}
	if !v.Rendered {
		fmt.Fprintf(out, "pages and README were made by %s and cannot be made again here: they are as they were put into the bundle\n", visible(v.Software))
	}
	if own {
		fmt.Fprintf(out, "%s the key is the bundle's own word: whoever made all of it could have made it with another. Pin the key that you trust with --key\n",
			r.style.paint(bold+";"+yellow, "NOTE:"))
	}
}

func (r *bundleFindings) resultJSON(v export.Verified, own bool) error {
	return json.NewEncoder(r.s.out).Encode(struct {
		Operation string `json:"operation"`
		Tenant    string `json:"tenant"`
		Events    uint64 `json:"events,string"`
		Redacted  uint64 `json:"redacted,string"`
		Sessions  int    `json:"sessions"`
		Actor     string `json:"actor"`
		Reason    string `json:"reason"`
		Origin    string `json:"origin"`
		Size      uint64 `json:"size,string"`
		Root      string `json:"root"`
		Cosigned  int    `json:"cosigned"`
		Stamped   uint64 `json:"stamped,string"`
		Rendered  bool   `json:"rendered"`
		OwnKey    bool   `json:"ownKey"`
		Problems  int    `json:"problems"`
	}{
		v.Request.GetOperation(), v.Tenant, v.Events, v.Redacted, v.Sessions, v.Request.GetActor(), v.Request.GetReason(),
		v.Checkpoint.Origin, v.Checkpoint.Size, fmt.Sprintf("%x", v.Checkpoint.Hash), len(r.cosigned), v.Stamped, v.Rendered, own, r.n,
	})
}
