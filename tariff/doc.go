// Package tariff prices charging sessions under OCPI tariffs, exactly, and says
// why each cent is charged.
//
// A tariff of OCPI 2.1.1, 2.2.1 or 2.3.0 is read by [ParseTariffs] and made ready
// by [Compile]; the [PriceList] may then be used by any number of goroutines. A CDR
// is read by [ParseCDR]; a [Session] can also be built by hand, or from meter
// values by [PriceList.Generate].
//
//	tariffs, _, err := tariff.ParseTariffs(ocpi.V221, tariffJSON)
//	list, err := tariff.Compile(tariffs...)
//	cdr, findings, err := tariff.ParseCDR(ocpi.V221, cdrJSON, amsterdam)
//	result, err := list.Price(&cdr.Session, tariff.Policy{})
//	verdict, err := list.Verify(&cdr, &result)
//
// Per period and dimension the first element that has a component of the
// dimension and whose restrictions all hold at the start of the period sets the
// price (OCPI 2.2.1 §11.4.4). step_size rounds the total of a dimension up, once. A
// FLAT is charged once for charging and once for a reservation. Where the
// specification leaves a reading open, [Policy] has a field for it and
// docs/pricing.md the reasons.
//
// No amount is rounded before the end: see [Amount]. What cannot be known, such
// as a total with tax when the tariff does not tell the tax, is unknown, never a
// guess. Bad input gives an [*Error] with a code and a JSON pointer; more digits
// or larger amounts than can be computed exactly are an error too.
//
// The package knows nothing of the hub. It reads no files and no clock, except
// for the time zone database of Go.
package tariff
