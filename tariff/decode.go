package tariff

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eroam/eroam/ocpi"
)

// Bounds of what is read.
const (
	maxElements   = 10_000
	maxComponents = 100 // in one element
	maxPeriods    = 100_000
	maxTariffs    = 1_000
	maxStep       = 1 << 40 // Wh or s
)

// number is a JSON number, or a string that spells one, as OCPI 2.1.1 documents
// have them. The zero value is absent.
type number struct {
	text   string // a JSON number; "": absent
	quoted bool
}

// UnmarshalJSONFrom reads the next value.
func (n *number) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	b, err := d.ReadValue()
	if err != nil {
		return err
	}
	switch b.Kind() {
	case 'n':
		*n = number{}
		return nil
	case '0':
		*n = number{text: string(b)}
		return nil
	case '"':
		if text := string(b[1 : len(b)-1]); spellsNumber(text) {
			*n = number{text, true}
			return nil
		}
	}
	return errors.New("must be a number")
}

// spellsNumber reports whether the text in a JSON string is a JSON number.
func spellsNumber(text string) bool {
	_, err := ocpi.ParseNumber(text)
	return err == nil
}

func (n number) isSet() bool { return n.text != "" }

// String returns the number as it is written, 0 when it is absent.
func (n number) String() string {
	if n.text == "" {
		return "0"
	}
	return n.text
}

// number returns what a tariff keeps.
func (n number) number() (out ocpi.Number) {
	if n.text != "" {
		out, _ = ocpi.ParseNumber(n.text) // it was one when it was read
	}
	return out
}

type wireTariff struct {
	CountryCode   string         `json:"country_code"`
	PartyID       string         `json:"party_id"`
	ID            string         `json:"id"`
	Currency      string         `json:"currency"`
	Type          string         `json:"type"`
	TaxIncluded   string         `json:"tax_included"`
	MinPrice      *wirePrice     `json:"min_price"`
	MaxPrice      *wirePrice     `json:"max_price"`
	Elements      []wireElement  `json:"elements"`
	StartDateTime string         `json:"start_date_time"`
	EndDateTime   string         `json:"end_date_time"`
	LastUpdated   string         `json:"last_updated"`
	AltText       []wireText     `json:"tariff_alt_text"`
	AltURL        jsontext.Value `json:"tariff_alt_url"`
	EnergyMix     jsontext.Value `json:"energy_mix"`
	Preauthorize  jsontext.Value `json:"preauthorize_amount"`
	Unknown       jsontext.Value `json:",embed"`
}

type wireText struct {
	Language string `json:"language"`
	Text     string `json:"text"`
}

// wirePrice is a Price of 2.2.1, a PriceLimit or Price of 2.3.0.
type wirePrice struct {
	ExclVAT     number         `json:"excl_vat"`
	InclVAT     number         `json:"incl_vat"`
	BeforeTaxes number         `json:"before_taxes"`
	AfterTaxes  number         `json:"after_taxes"`
	Taxes       []wireTax      `json:"taxes"`
	Unknown     jsontext.Value `json:",embed"`
}

type wireTax struct {
	Amount  number         `json:"amount"`
	Unknown jsontext.Value `json:",embed"`
}

type wireElement struct {
	Components   []wireComponent `json:"price_components"`
	Restrictions jsontext.Value  `json:"restrictions"`
	Unknown      jsontext.Value  `json:",embed"`
}

type wireComponent struct {
	Type     string         `json:"type"`
	Price    number         `json:"price"`
	VAT      number         `json:"vat"`
	StepSize number         `json:"step_size"`
	Unknown  jsontext.Value `json:",embed"`
}

type wireRestrictions struct {
	StartTime   string         `json:"start_time"`
	EndTime     string         `json:"end_time"`
	StartDate   string         `json:"start_date"`
	EndDate     string         `json:"end_date"`
	MinKWh      number         `json:"min_kwh"`
	MaxKWh      number         `json:"max_kwh"`
	MinCurrent  number         `json:"min_current"`
	MaxCurrent  number         `json:"max_current"`
	MinPower    number         `json:"min_power"`
	MaxPower    number         `json:"max_power"`
	MinDuration number         `json:"min_duration"`
	MaxDuration number         `json:"max_duration"`
	DayOfWeek   []string       `json:"day_of_week"`
	Reservation string         `json:"reservation"`
	Booking     string         `json:"booking"` // 2.3.0 with bookings
	Unknown     jsontext.Value `json:",embed"`
}

// ParseTariffs reads one tariff or a list of them, as an OCPI version writes them.
// Fields that the version does not know are findings: a misspelt restriction
// would vanish in silence. The error is an *[Error].
func ParseTariffs(v ocpi.Version, body []byte) ([]Tariff, []Finding, error) {
	body = bytes.TrimSpace(body)
	var r reader
	r.version = v
	if len(body) == 0 || body[0] != '[' {
		var w wireTariff
		if err := unmarshal(body, &w); err != nil {
			return nil, nil, err
		}
		t, err := r.tariff(&w, "")
		if err != nil {
			return nil, nil, err
		}
		return []Tariff{t}, r.findings, nil
	}
	var list []wireTariff
	if err := unmarshal(body, &list); err != nil {
		return nil, nil, err
	}
	tariffs, err := r.tariffs(list, "")
	return tariffs, r.findings, err
}

// unmarshal reads JSON into a wire type.
func unmarshal(body []byte, into any) error {
	if string(bytes.TrimSpace(body)) == "null" { // it would leave into as it is
		return &Error{Code: "json", Message: "must not be a JSON null"}
	}
	err := json.Unmarshal(body, into)
	if err == nil {
		return nil
	}
	e := &Error{Code: "json", Message: "is not JSON that can be read"}
	if s, ok := errors.AsType[*json.SemanticError](err); ok {
		e.Code, e.Pointer = "field", string(s.JSONPointer)
		e.Message = "cannot be read"
		switch {
		case s.Err != nil && !strings.Contains(s.Err.Error(), "\n"):
			e.Message = s.Err.Error()
		case s.JSONKind != 0:
			e.Message = "must not be a JSON " + kindName(s.JSONKind)
		}
		if e.Pointer == "" {
			e.Code = "json"
		}
	} else if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		e.Pointer = string(s.JSONPointer)
		e.Message = fmt.Sprintf("is not JSON: %v at byte %d", s.Err, s.ByteOffset)
	}
	return e
}

func kindName(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "boolean"
	case '"':
		return "string"
	case '0':
		return "number"
	case '{':
		return "object"
	}
	return "list"
}
