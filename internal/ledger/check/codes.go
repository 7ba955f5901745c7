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

// find returns a code of the table. One that is not in it would be a mistake here,
// which the tests notice; it holds.
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

	{"C07", "not_after_start", Hold, "", "the CDR ends when it starts, or before"},
	{"C07", "future", Hold, "", "a time lies in the future"},
	{"C07", "updated_before_end", Hold, "", "last_updated lies before the end"},
	{"C07", "too_long", Hold, "", "the session is longer than is allowed"},
	{"C07", "too_short", Hold, "", "the session is shorter than is allowed"},
	{"C07", "unknown_time", Hold, "", "1970 stands for a time that is not known"},

	{"C08", "unsorted", Warn, "", "the periods are not in order of time"},
	{"C08", "same_start", Warn, "", "two periods start at the same time"},
	{"C08", "outside", Warn, "", "a period starts before the session, or not before its end"},

	{"C09", "too_much_time", Warn, "", "a period holds more time than it lasts"},
	{"C09", "time_missing", Warn, "", "the times of the periods are less than the session lasted"},

	{"C10", "energy_differs", Warn, "", "total_energy is not the sum of the periods"},
	{"C10", "priced_energy_differs", Hold, "", "the same, and the price depends on it"},
	{"C10", "time_differs", Warn, "", "total_time is not the time from start to end"},
	{"C10", "parking_differs", Warn, "", "total_parking_time is not the sum of the periods"},
	{"C10", "priced_parking_differs", Hold, "", "the same, and the price depends on it"},

	{"C11", "energy_unit", Hold, "", "energy seems to be in Wh instead of kWh"},
	{"C11", "time_unit", Hold, "", "time seems to be in minutes or seconds instead of hours"},

	{"C12", "too_much_power", Hold, "", "the energy takes more power than the connector has"},
	{"C12", "power_dimension", Hold, "", "a power of a period is more than the connector has"},
	{"C12", "too_much_energy", Hold, "", "more energy than is allowed"},
	{"C12", "too_little_energy", Hold, "", "less energy than is allowed"},

	{"C13", "energy_without_time", Hold, "", "energy, and no charging time"},
	{"C13", "time_without_energy", Warn, "", "more than 15 minutes of charging, and no energy"},
	{"C13", "negative_energy", Hold, "", "energy below zero without an agreement about feeding back"},

	{"C14", "session_unknown", Warn, "", "the session is not known"},
	{"C14", "differs", Warn, "", "the CDR and its session differ"},
	{"C14", "not_completed", Warn, "", "the session is not completed"},
	{"C14", "cost_above_session", Warn, "", "the CDR costs more than the session did last"},

	{"C15", "location_unknown", Info, "", "the location is not known; home chargers often are not"},
	{"C15", "evse_unknown", Warn, "", "the location has no such EVSE"},
	{"C15", "connector_unknown", Warn, "", "the EVSE has no such connector"},
	{"C15", "differs", Warn, "", "cdr_location and the location differ"},

	{"C16", "token_unknown", Hold, "", "the token is not known, and no authorisation went through the hub"},
	{"C16", "token_invalid", Hold, "", "the token was invalid when the session started"},
	{"C16", "contract_differs", Warn, "", "the token has another contract_id"},
	{"C16", "no_authorization", Hold, "", "no authorisation of the kind that auth_method states went through the hub"},
	{"C16", "method_differs", Warn, "", "the authorisation was of another kind than auth_method"},
	{"C16", "reference_unknown", Hold, "", "authorization_reference was never given"},
	{"C16", "reference_outdated", Warn, "", "authorization_reference is not the last one that was given"},

	{"C17", "no_tariff", Warn, "", "the CDR has no tariff, and the hub knows none"},
	{"C17", "not_valid_at_start", Warn, "", "no tariff of the CDR is valid at the start of the session"},
	{"C17", "not_published", Warn, "", "the hub did not have the tariff before the session started"},
	{"C17", "other_version", Warn, "", "the tariff is not the version that the hub had when the session started"},
	{"C17", "dearer_version", Hold, "", "the same, and the session costs more under it"},

	{"C18", "overcharged", Hold, "", "the total is more than the tariff gives"},
	{"C18", "undercharged", Info, "", "the total is less than the tariff gives"},
	{"C18", "rounded", Info, "", "the total differs, and a known way of rounding explains it"},
	{"C18", "parts_differ", Info, "", "the total is right, and a part of it differs"},
	{"C18", "not_priced", Warn, "", "the tariff cannot be applied"},

	{"C19", "parts_do_not_sum", Warn, "", "the total is not the sum of its parts"},
	{"C19", "below_before_tax", Warn, "", "the amount with tax is less than the one before tax"},
	{"C19", "tax_amount", Warn, "", "the amount of a tax is not its percentage of the total"},
	{"C19", "tax_rate", Warn, "", "a tax rate is implausible"},

	{"C20", "above_limit", Hold, "", "the total is more than is allowed"},
	{"C20", "price_per_kwh", Hold, "", "a kWh costs more than is allowed"},
	{"C20", "negative", Hold, "", "a total below zero that is no credit"},

	{"C21", "meter_changed", Warn, "", "the EVSE had another meter"},
	{"C21", "register_fell", Warn, "", "the meter starts below where the last CDR of it ended"},

	{"C22", "missing", Off, Hold, "there is no signed data"},
	{"C22", "unreadable", Warn, Hold, "the encoding is not known, or the data cannot be read"},
	{"C22", "incomplete", Warn, Hold, "the reading of the begin or of the end is missing"},
	{"C22", "invalid", Warn, Hold, "the signature is wrong"},
	{"C22", "not_verified", Info, Hold, "the signature cannot be verified"},
	{"C22", "key_unknown", Warn, Hold, "the key is not the one that is known for the EVSE"},

	{"C23", "content", Warn, Hold, "what is signed does not bear a bill"},
	{"C23", "energy_differs", Warn, Hold, "the signed energy is not total_energy"},
	{"C23", "time_differs", Warn, Hold, "the signed times are not those of the CDR"},
	{"C23", "identity_differs", Warn, Hold, "the signed token or EVSE is not that of the CDR"},

	{"C24", "late", Warn, "", "the CDR came late"},
	{"C24", "very_late", Hold, "", "the CDR came very late"},

	{"C25", "na_with_session", Warn, "", "#NA stands for an EVSE of a session"},
	{"C25", "home_compensation", Warn, "", "home_charging_compensation at a public location"},

	{"C26", "missing", Warn, "", "a completed session has no CDR"},
	{"C26", "silent", Warn, "", "a session that runs is no longer updated"},

	{"C27", "repeated", Info, "", "another CDR of the token or EVSE has the same duration, energy and cost"},
	{"C27", "impossible_travel", Info, "", "the token was elsewhere too shortly before or after"},
	{"C27", "unusual_price", Info, "", "the price per kWh is far from the usual one of the CPO"},
}
