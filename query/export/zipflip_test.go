package export

import (
	"bytes"
	"slices"
	"testing"

	"github.com/afterimage/afterimage/query/bag"
)

// A zip file in which any byte was changed is found to have been, also where the
// byte is none of a file: in what is said twice, or between the files.
func TestAnyChangeOfTheZipFileIsFound(t *testing.T) {
	r := newRig(t).fill().run()
	zipped := r.download(gathered(t, r.x, acme, Request{Actor: "a", Reason: "b", Sessions: []string{"s-1"}}))
	step := 311
	if testing.Short() {
		step = 997
	}
	r.mustVerify(opened(t, zipped))
	for at := range zipped {
		if at%step != 0 && at < len(zipped)-120 { // The end has all that is said of the whole.
			continue
		}
		bent := slices.Clone(zipped)
		bent[at] ^= 1 << (at % 8)
		fsys, err := bag.OpenZip(bytes.NewReader(bent), int64(len(bent)))
		if err != nil {
			continue
		}
		if _, problems := r.verify(fsys); len(problems) == 0 {
			t.Errorf("byte %d of %d: it is not found that %x became %x", at, len(zipped), zipped[at], bent[at])
		}
	}
	for _, bent := range [][]byte{append(slices.Clone(zipped), 0), zipped[:len(zipped)-1], slices.Concat(zipped[:1000], zipped[1001:]), slices.Insert(slices.Clone(zipped), 1000, 'x')} {
		if fsys, err := bag.OpenZip(bytes.NewReader(bent), int64(len(bent))); err == nil {
			if _, problems := r.verify(fsys); len(problems) == 0 {
				t.Errorf("it is not found that it has %d bytes, and had %d", len(bent), len(zipped))
			}
		}
	}
}
