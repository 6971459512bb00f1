package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/retention/certificate"
	"github.com/afterimage/afterimage/witness"
)

// isCertificate tells whether a file is a certificate of deletion, whatever became of
// it: its kind stands in it more than once.
func isCertificate(path string) bool {
	if isDir(path) || isBundle(path) || beginsWith(path, proofHeader) {
		return false
	}
	text, err := readBounded(path, certificate.MaxSize)
	return err == nil && bytes.Contains(text, []byte("certificate-of-deletion/"))
}

// certificate checks a certificate of deletion.
func (c *verifyCmd) certificate(s streams) error {
	policy, err := c.trust()
	if err != nil {
		return err
	}
	text, err := readBounded(c.Proof, certificate.MaxSize)
	if err != nil {
		return err
	}
	var trusted []note.Verifier
	if policy != nil {
		trusted = policy.Logs
	}
	v, err := certificate.VerifyBy(text, trusted)
	if errors.Is(err, eventlog.ErrTampered) { // No stored data was: there is none here.
		reason := strings.Replace(err.Error(), eventlog.ErrTampered.Error(), "does not hold", 1)
		return coded{fmt.Errorf("%s: %s", c.Proof, reason), exitTampered}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Proof, err)
	}
	var cosigned []witness.Cosignature
	if policy != nil {
		if _, cosigned, err = policy.Open([]byte(v.After.Checkpoint)); err != nil {
			return coded{fmt.Errorf("%s: %w", c.Proof, err), exitTampered}
		}
	}
	if c.json() {
		return certificateJSON(s, v, len(cosigned))
	}
	printCertificate(s, v, cosigned)
	return nil
}

func printCertificate(s streams, v *certificate.Verified, cosigned []witness.Cosignature) {
	style, out := styleFor(s.out), s.out
	state := "complete"
	if !v.Complete {
		state = "NOT COMPLETE"
	}
	fmt.Fprintf(out, "%s: certificate of deletion, %s\n", style.paint(bold+";"+green, "verified"), state)
	what := strings.ToLower(string(v.Kind))
	if v.Request != what { // What a restore deletes again has no id of its own.
		what += " " + visible(v.Request)
	}
	fmt.Fprintf(out, "%s of tenant %s: %s deleted\n", what, visible(v.Tenant), someEvents(v.Deleted.Events))
	if v.Actor != "" {
		fmt.Fprintf(out, "by %s: %s\n", visible(v.Actor), visible(v.Reason))
	}
	fmt.Fprintf(out, "requested %s", v.Requested.Format(time.RFC3339))
	if v.Done != nil {
		fmt.Fprintf(out, ", done %s", v.Done.Format(time.RFC3339))
	}
	fmt.Fprintf(out, ", issued %s\n", v.Issued.Format(time.RFC3339))
	for _, d := range v.Deleted.ByClass {
		fmt.Fprintf(out, "  %s  %s: %s\n", d.Day, visible(d.Class), someEvents(d.Events))
	}
	if q := v.Deleted.Quarantined; q > 0 {
		fmt.Fprintf(out, "  with %s\n", numbered(q, "quarantined message", "quarantined messages"))
	}
	if !v.Listed {
		fmt.Fprintf(out, "their commitments are too many to be listed; digest %x\n", v.Deleted.Digest)
	}
	for _, e := range v.Epochs {
		fmt.Fprintf(out, "epoch %d of the keys began %s, and opens nothing of it\n", e.Number, e.Began.Format(time.RFC3339))
	}
	printRemains(s, v)
	fmt.Fprintf(out, "log %s: %d events before, %d after, root %x\n", visible(v.Log.Origin), v.Before.Size, v.After.Size, v.After.Root)
	for _, w := range cosigned {
		fmt.Fprintf(out, "cosigned by %s at %s\n", visible(w.Witness), w.Time.Format(time.RFC3339))
	}
	if v.OwnKey {
		fmt.Fprintf(out, "%s the key is the certificate's own word: whoever made all of it could have made it with another. Pin the key that you trust with --key\n",
			style.paint(bold+";"+yellow, "NOTE:"))
	}
}

// printRemains says what was not deleted, and why.
func printRemains(s streams, v *certificate.Verified) {
	for _, o := range v.Outstanding {
		switch o {
		case certificate.EventsOwed:
			fmt.Fprintf(s.out, "still owed: %s\n", someEvents(v.Remains.Owed))
		case certificate.KeysRemain:
			fmt.Fprintln(s.out, "the keys of the epoch before are still to be destroyed")
		}
	}
	for _, d := range v.Remains.Deferred {
		why := "held by " + visible(strings.Join(d.Holds, ", "))
		if d.Class != "" {
			why = "promised by class " + visible(d.Class)
		}
		if d.Until != nil {
			why += " until " + d.Until.Format(time.RFC3339)
		}
		fmt.Fprintf(s.out, "deferred at the request: %s, %s\n", someEvents(d.Events), why)
	}
	for _, x := range v.Remains.Exports {
		fmt.Fprintf(s.out, "a copy was handed out by the export %s\n", visible(x))
	}
	fmt.Fprintf(s.out, "copies of epoch.json from before open copies of the data that are as old, until the KEK that wraps them (%s) is destroyed\n", visible(v.Remains.KEK))
}

func someEvents(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return fmt.Sprintf("%d events", n)
}

func certificateJSON(s streams, v *certificate.Verified, cosigned int) error {
	return json.NewEncoder(s.out).Encode(struct {
		Kind        certificate.Kind          `json:"kind"`
		Tenant      string                    `json:"tenant"`
		Request     string                    `json:"request"`
		Complete    bool                      `json:"complete"`
		Outstanding []certificate.Outstanding `json:"outstanding,omitempty"`
		Requested   time.Time                 `json:"requested"`
		Done        *time.Time                `json:"done,omitempty"`
		Issued      time.Time                 `json:"issued"`
		Actor       string                    `json:"actor,omitempty"`
		Reason      string                    `json:"reason,omitempty"`
		Events      uint64                    `json:"events,string"`
		Quarantined uint64                    `json:"quarantined,string,omitempty"`
		Owed        uint64                    `json:"owed,string"`
		Listed      bool                      `json:"listed"`
		Digest      string                    `json:"commitmentsDigest"`
		Epochs      int                       `json:"epochs"`
		Origin      string                    `json:"origin"`
		Before      uint64                    `json:"before,string"`
		After       uint64                    `json:"after,string"`
		Root        string                    `json:"root"`
		Cosigned    int                       `json:"cosigned"`
		OwnKey      bool                      `json:"ownKey"`
	}{
		v.Kind, v.Tenant, v.Request, v.Complete, v.Outstanding, v.Requested, v.Done, v.Issued, v.Actor, v.Reason,
		v.Deleted.Events, v.Deleted.Quarantined, v.Remains.Owed, v.Listed, fmt.Sprintf("%x", v.Deleted.Digest), len(v.Epochs),
		v.Log.Origin, v.Before.Size, v.After.Size, fmt.Sprintf("%x", v.After.Root), cosigned, v.OwnKey,
	})
}
