package quality

import "fmt"

// Code names a kind of finding for ever: Q01.
type Code uint8

// The codes, as docs/quality.md explains them.
const (
	EVSEIDTwice        Code = iota + 1 // Q01
	EVSENewer                          // Q02
	TariffUnknown                      // Q03
	PowerImpossible                    // Q04
	PowerSuspicious                    // Q05
	PositionOutside                    // Q06
	PositionZero                       // Q07
	PositionSwapped                    // Q08
	AvailableInSession                 // Q09
	Unchanged                          // Q10
	UpdatedInFuture                    // Q11
	UpdatedLongAgo                     // Q12
	UpdatedSameSecond                  // Q13
	UpdatedAlone                       // Q14
	EVSEIDMissing                      // Q15
	PowerMissing                       // Q16
	PostalCodeOdd                      // Q17
	ConnectorsMissing                  // Q18
	TariffMissing                      // Q19
	RequiredMissing                    // Q20
	EVSEIDDots                         // Q21
	EVSEIDNoSeparators                 // Q22
	EVSEIDLowerCase                    // Q23
	EVSEIDOtherCountry                 // Q24
	OperatorDiffers                    // Q25
	EVSEsMissing                       // Q26
	StatusRemoved                      // Q27
	StatusUnknown                      // Q28
	TariffOfOtherParty                 // Q29
	EVSEIDClaimedTwice                 // Q30
	codes                              // one more than the last
)

// Severity says how much a finding matters.
type Severity string

// The severities.
const (
	Error   Severity = "error"   // drivers are misled, or a partner cannot work with it
	Warning Severity = "warning" // probably wrong, or useful and missing
	Info    Severity = "info"    // normal in the field; good to know when things are compared
)

// base is what a count is measured against in the score.
type base uint8

const (
	perOwner base = iota
	perLocation
	perEVSE
	perConnector
	perReference // tariff id in a connector
)

// Kind describes a code. Weight is how many points of the score go when
// everything is affected.
type Kind struct {
	Severity Severity
	Weight   int
	base     base
	Title    string
}

var kinds = [codes]Kind{
	EVSEIDTwice:        {Error, 15, perEVSE, "the EVSE id is elsewhere too, and newer there"},
	EVSENewer:          {Warning, 5, perEVSE, "EVSE newer than its Location"},
	TariffUnknown:      {Error, 15, perReference, "tariff id that no tariff has"},
	PowerImpossible:    {Error, 10, perConnector, "impossible max_electric_power"},
	PowerSuspicious:    {Warning, 2, perConnector, "AC connector above 44 kW"},
	PositionOutside:    {Error, 10, perLocation, "coordinates outside the country"},
	PositionZero:       {Error, 10, perLocation, "coordinates 0,0"},
	PositionSwapped:    {Error, 10, perLocation, "latitude and longitude swapped"},
	AvailableInSession: {Error, 15, perEVSE, "AVAILABLE while a session runs"},
	Unchanged:          {Warning, 10, perLocation, "no change for 30 days"},
	UpdatedInFuture:    {Error, 5, perEVSE, "last_updated in the future"},
	UpdatedLongAgo:     {Warning, 5, perEVSE, "last_updated before 2015"},
	UpdatedSameSecond:  {Warning, 10, perOwner, "last_updated of most EVSEs in one second"},
	UpdatedAlone:       {Warning, 10, perOwner, "last_updated moves and nothing else"},
	EVSEIDMissing:      {Warning, 10, perEVSE, "evse_id missing"},
	PowerMissing:       {Warning, 5, perConnector, "max_electric_power missing"},
	PostalCodeOdd:      {Warning, 2, perLocation, "postal code not as the country writes it"},
	ConnectorsMissing:  {Error, 10, perEVSE, "EVSE without connectors"},
	TariffMissing:      {Warning, 10, perConnector, "connector without tariff_ids"},
	RequiredMissing:    {Error, 15, perLocation, "required field missing or not readable"},
	EVSEIDDots:         {Info, 0, perEVSE, "evse_id with dots"},
	EVSEIDNoSeparators: {Info, 0, perEVSE, "evse_id without separators"},
	EVSEIDLowerCase:    {Info, 0, perEVSE, "evse_id with lower case"},
	EVSEIDOtherCountry: {Info, 0, perEVSE, "evse_id of another country"},
	OperatorDiffers:    {Info, 0, perLocation, "party differs from the operator in its EVSE ids"},
	EVSEsMissing:       {Info, 0, perLocation, "Location without EVSEs in use"},
	StatusRemoved:      {Info, 0, perEVSE, "EVSE with status REMOVED"},
	StatusUnknown:      {Warning, 5, perEVSE, "EVSE with status UNKNOWN"},
	TariffOfOtherParty: {Warning, 5, perReference, "tariff id that only another party's tariff has"},
	EVSEIDClaimedTwice: {Info, 0, perEVSE, "the EVSE id is elsewhere too, and older there"},
}

// Codes returns all codes in order.
func Codes() []Code {
	out := make([]Code, 0, codes-1)
	for c := Code(1); c < codes; c++ {
		out = append(out, c)
	}
	return out
}

// Kind describes c.
func (c Code) Kind() Kind { return kinds[c] }

// String returns "Q01".
func (c Code) String() string { return fmt.Sprintf("Q%02d", uint8(c)) }

// ParseCode reads what String writes.
func ParseCode(text string) (Code, bool) {
	for c := Code(1); c < codes; c++ {
		if c.String() == text {
			return c, true
		}
	}
	return 0, false
}

// Counts holds a number for each code.
type Counts [codes]int

// score is 100 minus, for each code, its weight times the share of what is
// affected: affected locations, EVSEs, connectors or tariff references of all that
// the owner has, at most all of them. It is rounded down and never below 0.
func (o *Owner) score() int {
	points := 100.0
	for c, n := range o.Counts {
		if n == 0 || kinds[c].Weight == 0 {
			continue
		}
		points -= float64(kinds[c].Weight) * min(1, float64(n)/float64(max(1, o.base(kinds[c].base))))
	}
	return int(max(0, points))
}

// base is how many of something the owner has.
func (o *Owner) base(b base) int {
	return [...]int{perOwner: 1, perLocation: o.Locations, perEVSE: o.EVSEs, perConnector: o.Connectors, perReference: o.References}[b]
}
