package words

import (
	_ "embed" // folding.txt
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// folding.txt says what each character is for words. A line is for the
// characters from the first to the second number (hexadecimal): "=" gives what
// each folds to, "+" how far away that is, "mark" that they count for nothing,
// "pair" that every two neighbours are a word. Those that no line names
// separate words. Later lines add to what earlier ones say.
//
//go:embed folding.txt
var foldingTable string

// A class is what a character is for words.
type class uint32

// A character that folds to the rune r is of class r, or r|pairs where every
// two neighbours are a word.
const (
	separates class = 0
	pairs     class = 1 << 30
	ignored   class = 1 << 31
)

const (
	pageBits = 8
	pageSize = 1 << pageBits
)

// A folding is the table in a form that is fast to look up.
type folding struct {
	ascii [utf8.RuneSelf]byte // what each folds to, 0 for what separates
	pages [(utf8.MaxRune + 1) / pageSize]*[pageSize]class
}

// theFolding is folding.txt.
var theFolding = sync.OnceValue(func() *folding {
	f, err := parseFolding(foldingTable)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	return f
})

func (f *folding) class(r rune) class {
	page := f.pages[r>>pageBits]
	if page == nil {
		return separates
	}
	return page[r&(pageSize-1)]
}

func parseFolding(table string) (*folding, error) {
	f := &folding{}
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		if err := f.line(strings.Fields(line)); err != nil {
			return nil, fmt.Errorf("folding.txt: %q: %w", line, err)
		}
	}
	for r := range rune(utf8.RuneSelf) {
		f.ascii[r] = byte(f.class(r))
	}
	return f, nil
}

// line adds what one line says.
func (f *folding) line(fields []string) error {
	if len(fields) != 3 {
		return fmt.Errorf("%d fields: want 3", len(fields))
	}
	first, err := parseRune(fields[0])
	if err != nil {
		return err
	}
	last, err := parseRune(fields[1])
	if err != nil {
		return err
	}
	what := fields[2]
	number, err := int64(0), error(nil)
	if what[0] == '=' || what[0] == '+' {
		if number, err = strconv.ParseInt(what[1:], 16, 32); err != nil {
			return err
		}
	}
	for r := first; r <= last; r++ {
		switch {
		case what == "mark":
			f.set(r, ignored)
		case what == "pair":
			f.set(r, f.class(r)|pairs)
		case what[0] == '=':
			f.set(r, class(number))
		case what[0] == '+':
			f.set(r, class(int64(r)+number))
		default:
			return fmt.Errorf("unknown: %s", what)
		}
	}
	return nil
}

func (f *folding) set(r rune, c class) {
	page := &f.pages[r>>pageBits]
	if *page == nil {
		*page = new([pageSize]class)
	}
	(*page)[r&(pageSize-1)] = c
}

func parseRune(s string) (rune, error) {
	n, err := strconv.ParseUint(s, 16, 32)
	if err != nil || n > utf8.MaxRune {
		return 0, fmt.Errorf("%s is no character", s)
	}
	return rune(n), nil
}
