package event

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A TextKind says where a text of an event stands. It is a set: a text may be of
// several kinds.
type TextKind uint8

// The kinds of texts.
const (
	TextInput     TextKind = 1 << iota // what the model was given
	TextOutput                         // what the model generated, reasoning included
	TextShown                          // what the user was shown: the output, where nothing else was shown and nothing was withheld
	TextTool                           // tools' names, arguments, results and errors, wherever they stand
	TextRetrieved                      // titles and texts of retrieved documents
	TextComment                        // of reports, and what actions are called and told the user

	AllTexts = TextInput | TextOutput | TextShown | TextTool | TextRetrieved | TextComment
)

// ErrMalformed says that bytes are no event as it is stored.
var ErrMalformed = errors.New("malformed event")

// EachText calls f for every text of an event as it is stored that is not empty,
// until f returns false: those that [Texts] has, in their order. It decodes
// nothing else and allocates nothing. The text is valid as long as stored is.
// ErrMalformed where stored is no protobuf.
func EachText(stored []byte, f func(kind TextKind, text []byte) bool) error {
	s := textScan{f: f}
	s.fields(stored, func(number protowire.Number, content []byte) {
		switch number {
		case 20:
			s.interaction(content)
		case 22:
			s.texts(content, TextComment, 5)
		case 23:
			s.texts(content, TextComment, 3, 4)
		}
	})
	return s.err
}

// A textScan is a look at the texts of an event, without decoding it.
type textScan struct {
	f       func(TextKind, []byte) bool
	stopped bool
	err     error
}

// fields calls visit for each field of a message that has a length: strings and
// messages.
func (s *textScan) fields(message []byte, visit func(number protowire.Number, content []byte)) {
	for len(message) > 0 && !s.stopped {
		number, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			s.fail()
			return
		}
		message = message[n:]
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, typ, message); n < 0 {
				s.fail()
				return
			}
			message = message[n:]
			continue
		}
		content, n := protowire.ConsumeBytes(message)
		if n < 0 {
			s.fail()
			return
		}
		message = message[n:]
		visit(number, content)
	}
}

func (s *textScan) fail() { s.stopped, s.err = true, ErrMalformed }

func (s *textScan) text(kind TextKind, text []byte) {
	if len(text) > 0 && !s.stopped {
		s.stopped = !s.f(kind, text)
	}
}

// texts hands on the fields of a message that are texts.
func (s *textScan) texts(message []byte, kind TextKind, numbers ...protowire.Number) {
	s.fields(message, func(number protowire.Number, content []byte) {
		for _, n := range numbers {
			if n == number {
				s.text(kind, content)
			}
		}
	})
}

func (s *textScan) interaction(message []byte) {
	output := TextOutput
	if s.asGenerated(message) {
		output |= TextShown
	}
	s.fields(message, func(number protowire.Number, content []byte) {
		switch number {
		case 3:
			s.message(content, TextInput)
		case 4:
			s.texts(content, TextRetrieved, 3, 4)
		case 5:
			s.message(content, output)
		case 6:
			s.message(content, TextShown)
		}
	})
}

// asGenerated tells whether the user was shown what was generated.
func (s *textScan) asGenerated(interaction []byte) bool {
	as := true
	s.fields(interaction, func(number protowire.Number, content []byte) {
		switch number {
		case 6:
			as = false
		case 8:
			as = as && !withholds(content)
		}
	})
	return as
}

// withholds tells whether a verdict, as it is stored, kept output from the user.
func withholds(verdict []byte) bool {
	var scope, action uint64
	for len(verdict) > 0 {
		number, typ, n := protowire.ConsumeTag(verdict)
		if n < 0 {
			return false
		}
		verdict = verdict[n:]
		size := protowire.ConsumeFieldValue(number, typ, verdict)
		if size < 0 {
			return false
		}
		if typ == protowire.VarintType {
			switch v, _ := protowire.ConsumeVarint(verdict); number {
			case 2:
				scope = v
			case 7:
				action = v
			}
		}
		verdict = verdict[size:]
	}
	return pb.Verdict_Scope(scope) != pb.Verdict_INPUT &&
		(pb.Verdict_Action(action) == pb.Verdict_BLOCKED || pb.Verdict_Action(action) == pb.Verdict_REPLACED)
}

func (s *textScan) message(message []byte, kind TextKind) {
	s.fields(message, func(number protowire.Number, content []byte) {
		if number == 2 {
			s.part(content, kind)
		}
	})
}

func (s *textScan) part(part []byte, kind TextKind) {
	s.fields(part, func(number protowire.Number, content []byte) {
		switch number {
		case 1:
			s.text(kind, content)
		case 4: // No user sees it.
			if kind &^= TextShown; kind == 0 {
				kind = TextOutput
			}
			s.text(kind, content)
		case 2, 3:
			s.texts(content, TextTool, 2, 3)
		}
	})
}
