// Package phone judges telephone numbers by the numbering plans of the world.
//
// The plans are those of libphonenumber, taken at run time from the metadata
// of its Go port, which compares numbers with regular expressions. Here the
// patterns of a country calling code, those of all its regions and types, are
// made into one minimal automaton over digits, so that one pass over a number
// says whether it is valid, where and of which type. A plan is compiled when a
// number first needs it; all of them take about a megabyte. Nothing is
// allocated to judge a number, save for one whose RFC 3966 phone-context is a
// global number.
//
// What is valid here is what IsValidNumber of the library says is, with the
// same region, type and E.164 form, but for these differences:
//
//   - 00 before a number dials abroad from every region, and where no region is
//     given. The library takes only the region's own prefix, 011 in the United
//     States. Only what the library holds invalid is read this way.
//   - Digits of every script count. The library has the European, full-width
//     and Arabic ones; libphonenumber itself has all.
//   - A text that ends in X&&Y], where X and Y are any characters, loses this
//     end in the library, whose port of a Java expression for unwanted ends
//     means that. Here no such text is a number.
package phone
