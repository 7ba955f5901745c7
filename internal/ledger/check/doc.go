// Package check looks for what is wrong with a charge detail record, and prices
// it again. It is pure: all that is known besides the CDR comes in a [Case], and
// what is found goes out in a [Report].
//
//	cdr, err := check.Read(version, body, nil)       // cannot be billed at all: 2001
//	report := check.Run(&check.Case{CDR: cdr, Now: now, …})
//
// The checks are C01 to C27, see [Codes]. Each finding has a check id, a code that
// is stable and meant for programs, and a severity that an agreement can change,
// see [Settings].
//
// Nothing panics and nothing takes longer than its size allows, however hostile
// the documents are: work grows with the bytes that come in, and pricing, which
// grows with periods times tariff elements, is refused above a bound. Money and
// energy are never binary floating-point values; coordinates and statistics are.
package check
