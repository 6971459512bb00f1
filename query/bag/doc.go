// Package bag writes and checks bags as BagIt 1.0 (RFC 8493) lays them out, in a
// zip file or, to check, in a directory as well.
//
//	w := bag.NewWriter(out, "evidence-17", at)
//	err := w.Add(bag.Pack("data/records/1.json", content))
//	err = w.Close([]bag.Field{{Label: "Source-Organization", Value: "…"}})
//
//	report, err := bag.Check(ctx, fsys, func(p bag.Problem) { … })
//
// What is always true:
//
//   - The bytes of a bag depend on what is put into it, and on nothing else: the
//     same twice is the same file.
//   - A bag that is cut short anywhere is none: its manifests come last.
//   - A zip file ends with the SHA-256 of all of it up to there.
//   - Every file but the tag manifests is in two manifests, SHA-256 and SHA-512,
//     and Check accepts one spelling of these. Whatever byte of whatever file is
//     changed, and whatever file is missing or was added, Check says so.
//   - Writing and checking hold some 300 bytes a file, whatever the files' sizes.
//
// What can be trusted of what is in a bag, its manifests do not say: whoever
// changes a file can make them anew.
package bag
