package check

import "slices"

// Code is a finding that a check can have.
type Code struct {
	Check    string   `json:"check"`
	Code     string   `json:"code"`
	Severity Severity `json:"severity"` // by default
	// Eichrecht is the default where signed meter data is required; "": the same.
	Eichrecht Severity `json:"eichrecht,omitempty"`
	Means     string   `json:"means"`
}

// Codes returns all findings, in the order of the checks.
func Codes() []Code { return slices.Clone(codes[:]) }

// find returns a code of the table; the tests reach every one that is used.
func find(check, code string) *Code {
	for i := range codes {
		if codes[i].Code == code && codes[i].Check == check {
			return &codes[i]
		}
	}
	return &Code{Check: check, Code: code, Severity: Hold}
}

// knownKey reports whether a key of Settings.Severity names a check or a finding.
func knownKey(key string) bool {
	return slices.ContainsFunc(codes[:], func(c Code) bool { return c.Check == key || c.Check+"/"+c.Code == key })
}

var codes = [...]Code{
	{"C01", "schema", Reject, "", "a required field is missing, or a field does not have the form that the version wants"},

	{"C02", "foreign_party", Reject, "", "the sender is not the party that the CDR names"},
	{"C02", "wrong_receiver", Reject, "", "the token is not of the party that the CDR is sent to"},
	{"C02", "no_agreement", Reject, "", "the two parties have no agreement, or none for the day of the session"},

	{"C03", "other_content", Reject, "", "another CDR is stored under the same id"},

	{"C04", "second_for_session", Hold, "", "the session has a CDR already"},
	{"C04", "overlapping", Hold, "", "another CDR has the same EVSE and token at the same time"},

	{"C05", "reference_missing", Reject, "", "a credit without credit_reference_id"},
	{"C05", "reference_without_credit", Reject, "", "credit_reference_id without credit"},
	{"C05", "original_unknown", Reject, "", "no CDR of this sender has the id that is credited"},
	{"C05", "credit_of_credit", Reject, "", "what is credited is a credit"},
	{"C05", "already_credited", Reject, "", "the CDR has been credited before"},
	{"C05", "other_parties", Reject, "", "credit and original are not between the same parties"},
	{"C05", "other_currency", Reject, "", "credit and original differ in their currency"},
	{"C05", "not_the_negation", Reject, "", "the total is not that of the original with the sign turned around"},
	{"C05", "other_facts", Reject, "", "session, token, times, EVSE or energy differ from the original's"},
	{"C05", "other_fields", Warn, "", "other fields differ from the original's"},

	{"C06", "not_a_currency", Hold, "", "the currency is not in ISO 4217"},
	{"C06", "tariff_currency", Hold, "", "a tariff has another currency"},
	{"C06", "agreement_currency", Hold, "", "the agreement has another currency"},

	{"C07", "not_after_start", Hold, "", "the CDR ends when or before it starts"},
	{"C07", "future", Hold, "", "a time lies in the future"},
	{"C07", "updated_before_end", Hold, "", "last_updated lies before the end"},
	{"C07", "too_long", Hold, "", "the session is longer than is allowed"},
	{"C07", "too_short", Hold, "", "the session is shorter than is allowed"},
	{"C07", "unknown_time", Hold, "", "1970 stands for a time that is not known"},
}
