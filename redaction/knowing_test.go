package redaction

import (
	"errors"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/redaction/known"
)

// TestKnownValues makes sure that what is known of a user goes from every text
// of an event, however it is spelled, carries one token with what detectors
// find of it, and is forgotten with the call.
func TestKnownValues(t *testing.T) {
	r := newRedactor(t, Config{Known: []known.Value{{Text: "Wilhelmina Czapski", Kind: known.Name, Type: "STAFF"}}})
	user := []known.Value{
		{Text: "Zoë Brûlé-Doering", Kind: known.Name, Type: "PERSON"}, {Text: "zoe@example.com", Kind: known.Email, Type: "EMAIL"},
		{Text: "+1 415 555 2671", Kind: known.Phone, Type: "PHONE"}, {Text: "C-1234-XY", Type: "CUSTOMER"},
	}
	e := parseEvent(t, `{"interaction":{"input":[{"parts":[{"text":"I am ZOE BRULE-DOERING, c1234xy, mail Zoe@Example.com or 555.2671"},
		{"toolCall":{"arguments":"{\"owner\":\"Brûlé-Doering, Zoë\",\"zoebruledoering\":1,\"by\":\"Czapski\"}"}}]}]}}`)
	counts, err := r.Event(t.Context(), e, pseudonym, user...)
	if err != nil {
		t.Fatal(err)
	}
	s := strings.ToLower(e.String())
	for _, left := range []string{"zoe", "brul", "doering", "1234xy", "2671", "czapski"} {
		if strings.Contains(s, left) {
			t.Errorf("%q is left in %s", left, s)
		}
	}
	if counts["PERSON"] != 3 || counts["CUSTOMER"] != 1 || counts["STAFF"] != 1 {
		t.Errorf("counts are %v", counts)
	}
	token, _ := pseudonym("zoe@example.com")
	if !strings.Contains(s, "[email:"+token+"]") {
		t.Errorf("the address has another token than alone: %s", s)
	}
	if again, err := r.Event(t.Context(), e, pseudonym, user...); err != nil || again != nil {
		t.Errorf("the second pass finds %v, %v", again, err)
	}
	if out, _, err := r.Text(t.Context(), "Zoë Brûlé-Doering and W. Czapski", pseudonym); err != nil || !strings.HasPrefix(out, "Zoë Brûlé-Doering and [STAFF:") {
		t.Errorf("without the user: %q, %v", out, err)
	}
}

// TestKnownRefuses names the value by its index and quotes nothing.
func TestKnownRefuses(t *testing.T) {
	r := newRedactor(t, Config{})
	for _, v := range []known.Value{{Text: "Jane Doe", Type: "person"}, {Text: "!!!", Type: "PERSON"}} {
		_, _, err := r.Text(t.Context(), "x", pseudonym, known.Value{Text: "ok", Type: "PERSON"}, v)
		if !errors.Is(err, ErrKnown) || !strings.Contains(err.Error(), "value 1") || strings.Contains(err.Error(), "Jane") {
			t.Errorf("%+v: %v", v, err)
		}
		if _, err := New(Config{Known: []known.Value{v}}); !errors.Is(err, ErrKnown) {
			t.Errorf("New with %+v: %v", v, err)
		}
	}
}
