package view_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/plain"
	"github.com/afterimage/afterimage/query/view"
)

var morning = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// each yields frames.
func each(frames ...*pb.Frame) iter.Seq2[*pb.Frame, error] {
	return func(yield func(*pb.Frame, error) bool) {
		for _, f := range frames {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// write returns a page and its elements.
func write(t testing.TB, about view.About, frames ...*pb.Frame) (string, *html.Node) {
	t.Helper()
	var out bytes.Buffer
	if err := view.Write(&out, about, each(frames...)); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), doc
}

// attribute returns an attribute of an element, "" if it has none.
func attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// elements returns the elements with a tag, and with a class unless it is "".
func elements(doc *html.Node, tag, class string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag && strings.Contains(attribute(n, "class"), class) {
			found = append(found, n)
		}
	}
	return found
}

// textOf returns all text below n.
func textOf(n *html.Node) string {
	var b strings.Builder
	for n := range n.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

// said returns a frame of what a user wrote, as event n.
func said(n int, text string) *pb.Frame {
	return &pb.Frame{
		Seq: new(uint64(n)), Event: "e", Time: timestamppb.New(morning.Add(time.Duration(n) * time.Second)), Turn: uint32(n),
		OffsetMs: uint64(n) * 1000, Kind: pb.Frame_INPUT, Role: "user", Seen: true, Content: pb.Frame_TEXT, Text: text,
	}
}

// Whatever a session holds, the page has it as text and nothing else of it: a
// parser finds the elements of the page and no others, and the text itself.
func checkInert(t *testing.T, text string) {
	t.Helper()
	frames := []*pb.Frame{
		said(1, text),
		{Seq: new(uint64(2)), Kind: pb.Frame_ACTION, Category: text, Name: text, Text: text, Role: text},
		{Seq: new(uint64(3)), Kind: pb.Frame_GENERATED, Content: pb.Frame_BLOB, Origin: &pb.Frame_Origin{Id: text, Uri: text}, Blob: &pb.Blob{Uri: text, MediaType: text}, Model: &pb.Model{Name: text}},
		{Seq: new(uint64(4)), Kind: pb.Frame_VERDICT, About: &pb.Frame_About{Event: text}, Verdict: &pb.Verdict{Category: text, Classifier: &pb.Classifier{Name: text}}},
	}
	about := view.About{Tenant: text, Session: text, Facts: []view.Fact{{Name: text, Value: text}}}
	_, doc := write(t, about, frames...)
	allowed := strings.Fields("html head meta title style body header a h1 h2 h3 dl dt dd p span label input main article time section details summary div bdi footer")
	for n := range doc.Descendants() {
		if n.Type == html.CommentNode {
			t.Fatalf("%q made a comment", text)
		}
		if n.Type != html.ElementNode {
			continue
		}
		if !slices.Contains(allowed, n.Data) {
			t.Fatalf("%q made an element %s", text, n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "href" && n.Data == "a" && strings.HasPrefix(a.Val, "#seq-") {
				continue
			}
			if a.Key == "style" || a.Key == "href" || a.Key == "src" || strings.HasPrefix(a.Key, "on") {
				t.Fatalf("%q made an attribute %s", text, a.Key)
			}
		}
	}
	if text == "" {
		return
	}
	if got, want := textOf(elements(doc, "div", "text")[0]), plain.Text(text); got != want {
		t.Fatalf("text %q, want %q", got, want)
	}
}

var hostile = []string{
	"", "plain", "two\nlines\tand a tab",
	`<script>alert(1)</script>`, `</div></details><img src=x onerror=alert(1)>`, `"><svg/onload=alert(1)>`,
	`</title><style>*{display:none}</style>`, `<!-- `, `-->`, `]]>`, `{{.}}`, `javascript:alert(1)`, `data:text/html,<b>`,
	"\x00\x01\x1b[2J", "user\u202egnp.exe", "\xff\xfe", "a\u2028b", "&lt;b&gt; &amp; &#0;", "<plaintext>", "\u0000<b>",
	"to [EMAIL:k7m2qa5d3hx4], not [sic]", strings.Repeat("x", 1<<16), strings.Repeat("<", 1000), "\r\nover\r",
}

func TestInert(t *testing.T) {
	for _, text := range hostile {
		checkInert(t, text)
	}
}

func FuzzInert(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(checkInert)
}

// The page's policy allows its own style and nothing else.
func TestPolicy(t *testing.T) {
	_, doc := write(t, view.About{Session: "s"}, said(1, "hello"))
	styles := elements(doc, "style", "")
	if len(styles) != 1 {
		t.Fatalf("got %d styles, want 1", len(styles))
	}
	sum := sha256.Sum256([]byte(textOf(styles[0])))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	for _, meta := range elements(doc, "meta", "") {
		if attribute(meta, "http-equiv") == "Content-Security-Policy" {
			if got := attribute(meta, "content"); got != want {
				t.Errorf("policy %q, want %q", got, want)
			}
			return
		}
	}
	t.Error("no policy")
}

// Steps in which a text was streamed make one text, and pauses are named.
func TestStreamed(t *testing.T) {
	first := said(1, "Call ")
	second := &pb.Frame{Seq: new(uint64(1)), Kind: pb.Frame_INPUT, Role: "user", Seen: true, Content: pb.Frame_TEXT, Text: "112.", Continued: true, OffsetMs: 1500}
	late := said(2, "later")
	late.OffsetMs = 11_521_500
	_, doc := write(t, view.About{Session: "s"}, first, second, late)
	texts := elements(doc, "div", "text")
	if len(texts) != 2 || textOf(texts[0]) != "Call 112." {
		t.Errorf("got %d texts, the first %q, want 2, the first as a whole", len(texts), textOf(texts[0]))
	}
	if got, want := textOf(elements(doc, "p", "gap")[0]), "3 h 12 min later"; got != want {
		t.Errorf("pause %q, want %q", got, want)
	}
}

// What was generated and not shown is struck, what was shown and not generated
// stands out, each where it differs, also when it was streamed; redactions
// stand out in either.
func TestDifference(t *testing.T) {
	segment := func(kind pb.Frame_Segment_Kind, bytes uint32) *pb.Frame_Segment {
		return &pb.Frame_Segment{Kind: kind, Bytes: bytes}
	}
	generated := &pb.Frame{Seq: new(uint64(1)), Kind: pb.Frame_GENERATED, Content: pb.Frame_TEXT, Text: "take 400\u202e mg",
		Difference: []*pb.Frame_Segment{segment(pb.Frame_Segment_EQUAL, 5), segment(pb.Frame_Segment_REMOVED, 6), segment(pb.Frame_Segment_EQUAL, 3)}}
	shown := &pb.Frame{Seq: new(uint64(1)), Kind: pb.Frame_SHOWN, Seen: true, Content: pb.Frame_TEXT, Text: "take [AGE:k7m2qa",
		Difference: []*pb.Frame_Segment{segment(pb.Frame_Segment_EQUAL, 5), segment(pb.Frame_Segment_ADDED, 11)}}
	rest := &pb.Frame{Seq: new(uint64(1)), Kind: pb.Frame_SHOWN, Seen: true, Content: pb.Frame_TEXT, Text: "] 40 mg", Continued: true,
		Difference: []*pb.Frame_Segment{segment(pb.Frame_Segment_ADDED, 4), segment(pb.Frame_Segment_EQUAL, 3)}}
	page, _ := write(t, view.About{Session: "s"}, generated, shown, rest)
	for _, want := range []string{">take <del>400&lt;U&#43;202E&gt;</del> mg<", ">take <ins><span class=\"token\">[AGE:k7m2qa]</span></ins><ins> 40</ins> mg<"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

// What came later leads to what it is about.
func TestAbout(t *testing.T) {
	late := &pb.Frame{Seq: new(uint64(7)), Kind: pb.Frame_REPORT, About: &pb.Frame_About{Event: "e", Seq: new(uint64(1)), Turn: 1}}
	lost := &pb.Frame{Seq: new(uint64(8)), Kind: pb.Frame_VERDICT, About: &pb.Frame_About{Event: "gone"}}
	_, doc := write(t, view.About{Session: "s"}, said(1, "hello"), late, lost)
	links := elements(doc, "a", "")
	if len(links) != 1 || attribute(links[0], "href") != "#seq-1" || textOf(links[0]) != "turn 1, seq 1" {
		t.Errorf("got %d links, want one to the event", len(links))
	}
	if len(elements(doc, "article", "")) != 3 || attribute(elements(doc, "article", "")[0], "id") != "seq-1" {
		t.Error("there is nothing that the link leads to")
	}
}

// An error of the frames is the writer's, and where there are none nothing is
// written.
func TestWriteError(t *testing.T) {
	broken := errors.New("broken")
	frames := func(yield func(*pb.Frame, error) bool) {
		_ = yield(said(1, "hello"), nil) && yield(nil, broken)
	}
	if err := view.Write(&bytes.Buffer{}, view.About{}, frames); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
	var out bytes.Buffer
	err := view.Write(&out, view.About{}, func(yield func(*pb.Frame, error) bool) { yield(nil, broken) })
	if !errors.Is(err, broken) || out.Len() > 0 {
		t.Errorf("error %v and %d bytes, want %v and none", err, out.Len(), broken)
	}
}
