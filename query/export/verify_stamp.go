package export

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// stamp checks the time-stamp, if there is one: that it is of a checkpoint that
// the log signed, and that the bag's checkpoint follows from it.
func (v *verifying) stamp(context.Context) error {
	for name := range v.left {
		number, is := strings.CutPrefix(name, proofsDir)
		number, is2 := strings.CutSuffix(number, ".tsr")
		size, err := strconv.ParseUint(number, 10, 64)
		if !is || !is2 || err != nil || strconv.FormatUint(size, 10) != number {
			continue
		}
		v.take(name)
		if file, err := v.stamped(size); err != nil {
			v.problem(file, "%v", err)
		} else {
			v.found.Stamped = max(v.found.Stamped, size)
		}
		return nil // There is one at most: others have no place.
	}
	return nil
}

// stamped checks the files of a time-stamp, and returns the one that is wrong.
func (v *verifying) stamped(size uint64) (file string, err error) {
	texts := map[string][]byte{}
	for _, ext := range []string{"tsr", "checkpoint", "consistency"} {
		file = fmt.Sprintf("%s%d.%s", proofsDir, size, ext)
		if ext != "tsr" {
			v.take(file)
		}
		if texts[ext], err = readFile(v.fsys, file); err != nil {
			return file, err
		}
	}
	consistency := file
	file = fmt.Sprintf("%s%d.checkpoint", proofsDir, size)
	cp, err := v.Signed(texts["checkpoint"])
	if err == nil && cp.Size != size {
		err = errors.New("is over another size than its name says")
	}
	if err != nil {
		return file, err
	}
	if v.found.StampTime, err = v.Stamp(texts["tsr"], texts["checkpoint"]); err != nil {
		return fmt.Sprintf("%s%d.tsr", proofsDir, size), err
	}
	return consistency, v.follows(cp.Size, cp.Hash, texts["consistency"])
}

// follows checks that the bag's checkpoint follows from an older one.
func (v *verifying) follows(size uint64, root, proof []byte) error {
	var hashes tlog.TreeProof
	for lines := bufio.NewScanner(bytes.NewReader(proof)); lines.Scan(); {
		h, err := base64.StdEncoding.DecodeString(lines.Text())
		if err != nil || len(h) != tlog.HashSize {
			return errors.New("has a line that is no hash")
		}
		hashes = append(hashes, tlog.Hash(h))
	}
	now := v.found.Checkpoint
	if size == now.Size && len(hashes) == 0 && bytes.Equal(root, now.Hash) {
		return nil
	}
	if size == 0 || size >= now.Size || now.Size > 1<<48 || len(now.Hash) != tlog.HashSize || len(root) != tlog.HashSize {
		return errors.New("is between sizes that cannot be")
	}
	return tlog.CheckTree(hashes, int64(now.Size), tlog.Hash(now.Hash), int64(size), tlog.Hash(root))
}
