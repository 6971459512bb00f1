package export

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/bag"
	"github.com/afterimage/afterimage/query/view"
)

// About is what the files of a bag say that tell what it is.
type about struct {
	tenant string
	ready  *pb.Event      // what the ledger says that it is of; nil: not known
	in     log.Checkpoint // that everything is proven in
}

// Labels of bag-info.txt that Verify reads.
const (
	softwareLabel = "Bag-Software-Agent"
	tenantLabel   = "Afterimage-Tenant"
)

// infoOf is what bag-info.txt says.
func infoOf(a about, asked *pb.Exported, software string) []bag.Field {
	return []bag.Field{
		{Label: "Source-Organization", Value: a.in.Origin},
		{Label: "Bagging-Date", Value: a.ready.GetTime().AsTime().Format(time.DateOnly)},
		{Label: "External-Identifier", Value: cmp.Or(strings.TrimSpace(asked.GetIncident()), asked.GetOperation())},
		{Label: "External-Description", Value: fmt.Sprintf("%d events, all that were asked for as of position %d of the log",
			a.ready.GetExported().GetEvents(), a.ready.GetExported().GetBefore())},
		{Label: "Internal-Sender-Identifier", Value: asked.GetOperation()},
		{Label: tenantLabel, Value: a.tenant},
		{Label: softwareLabel, Value: software},
	}
}

// view is what stands in the head of every page.
func (a about) view() view.About {
	return view.About{
		Tenant: a.tenant, AsOf: new(a.ready.GetExported().GetBefore()), Made: a.ready.GetTime().AsTime(),
		Facts: []view.Fact{{Name: "Export", Value: a.ready.GetExported().GetOperation()}},
	}
}

// headOf is what a checkpoint says, whoever signed it.
func headOf(signed []byte) (cp log.Checkpoint, err error) {
	text, _, _ := strings.Cut(string(signed), "\n\n")
	_, err = cp.Unmarshal([]byte(text + "\n"))
	return cp, err
}

// readme tells a stranger what a bag is and how to check it.
func readme(a about) string {
	r := a.ready.GetExported()
	return fmt.Sprintf(readmeText, r.GetEvents(), a.in.Origin, r.GetBefore(), r.GetOperation(), a.in.Size, r.GetDigest())
}

const readmeText = `EVIDENCE

This is a bag (BagIt 1.0, RFC 8493) of %[1]d events, recorded in the log
%[2]s
and exported as of position %[3]d of it, by operation
%[4]s.
Texts are as they were stored: what redaction took out stands as [EMAIL:...]
or the like, and data/redactions.jsonl says how often.

WHAT IS WHERE

data/records/N.json            the event at position N of the log
data/records/N.commit.json     its bytes as they are stored, what they are
                               committed to, and the leaf that is proven
proofs/N.tlog-proof            the proof that the leaf is in the log
proofs/checkpoint              the signed head of the log's Merkle tree
proofs/trust.policy            whose signatures to expect on it
proofs/N.tsr, .checkpoint,     a time-stamp (RFC 3161) of an older checkpoint,
  .consistency                 and the proof that the log only grew since; only
                               where the log has one
data/views/index.html          each session as its user saw it, as far as its
                               events are here; opens offline
data/custody.jsonl             who did what to which event, when and why
data/redactions.jsonl          what was redacted, by which detector
data/sampling.json             with which probability each event was recorded
data/policy.yaml, policies/    the policy in force, and older ones that applied
data/ledger/                   the log's own records of all that, proven like
                               the events
event.proto                    how the stored bytes are to be read

HOW TO CHECK IT WITHOUT OUR SOFTWARE

1. That nothing was damaged, in this directory:

     sha256sum -c manifest-sha256.txt tagmanifest-sha256.txt
     sha512sum -c manifest-sha512.txt tagmanifest-sha512.txt

   or with any BagIt validator. Whoever changes a file can make the manifests
   anew: they protect against accidents, what follows against people.

2. The head. Get the log's verifier key from somebody you trust, not from here,
   and compare it with the line "log" in proofs/trust.policy. Any program that
   checks signed notes (C2SP signed-note) opens proofs/checkpoint with it; it
   covers %[5]d events.

3. Each event. The stored bytes hash to the commitment:

     sed 's|.*"stored":"\([^"]*\)".*|\1|' data/records/N.commit.json |
       base64 -d | sha256sum
     sed 's|.*"commitment":"\([^"]*\)".*|\1|' data/records/N.commit.json

   Where "redactions" is empty, the commitment is the leaf, and any program that
   checks a C2SP tlog-proof shows that it is in the log: the entry is the 32
   bytes of "leaf". Else the event was redacted since it was stored: the ledger
   records at the positions in "redactions", which are checked like events, say
   for it which commitment ("old") became which ("new"), from leaf to commitment.

4. That the stored bytes say what the record says:

     sed 's|.*"stored":"\([^"]*\)".*|\1|' data/records/N.commit.json | base64 -d |
       protoc --decode=afterimage.v1.Event event.proto

5. That none is missing. The ledger record whose "stage" is "READY" in
   data/ledger says how many events were exported and their digest, SHA-256 over
   the position (8 bytes, big-endian) and the commitment of each, by position:
   %[6]x

With it: afterimage verify THIS-DIRECTORY --key THE-KEY does all of this.

WHAT IT DOES NOT PROVE

That what was recorded is what happened: the log keeps what a service sent. That
everything was recorded: data/sampling.json and the service's own counters say
how much was. That the log was not kept twice, one version for you: for that
there are witnesses, whose signatures stand under the checkpoint. And a page is
only a rendering: the records are the evidence.
`
