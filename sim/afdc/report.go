package afdc

import "slices"

// Oddity is a kind of thing that is not as it should be in a row.
type Oddity string

// The oddities, by what became of the row.
const (
	// Left out.
	BadRow         Oddity = "row cannot be read"
	NoID           Oddity = "no usable id"
	DuplicateID    Oddity = "id occurs twice"
	NotElectric    Oddity = "not an electric station"
	BadCoordinates Oddity = "coordinates are not a point"
	OutsideCountry Oddity = "point lies outside the country"

	// Mended.
	ShortRow       Oddity = "row has too few columns"
	LongRow        Oddity = "row has too many columns"
	SwappedPoint   Oddity = "latitude and longitude are swapped"
	UnsignedPoint  Oddity = "longitude has lost its sign"
	ShortZIP       Oddity = "ZIP code has lost its leading zero"
	CutText        Oddity = "text is longer than OCPI allows"
	ControlText    Oddity = "text has control characters or is not UTF-8"
	NoName         Oddity = "no station name"
	NoZone         Oddity = "no time zone for the point"
	UnknownNetwork Oddity = "network is not in the table"
	NoNetwork      Oddity = "no network"
	NearbyPoint    Oddity = "posts of a site have different coordinates"
	FarPoint       Oddity = "same address far away, made a site of its own"
	PlugGuessed    Oddity = "no connector type for these ports, guessed"

	// Left away.
	BadZIP         Oddity = "not a ZIP code"
	NoAddress      Oddity = "no street address"
	BadCount       Oddity = "number of ports is not a plausible number"
	NoPorts        Oddity = "no ports"
	UnknownPlug    Oddity = "unknown connector type"
	PlugWithout    Oddity = "connector type without a port for it"
	UnknownStatus  Oddity = "unknown status code"
	UnknownHours   Oddity = "opening hours are not understood"
	UnknownPricing Oddity = "pricing is not understood"
	VaryingPricing Oddity = "pricing varies"
	BadDate        Oddity = "date is not understood"
)

// maxExamples is how many stations a finding names.
const maxExamples = 5

// Finding counts one oddity.
type Finding struct {
	Oddity   Oddity   `json:"oddity"`
	Count    int      `json:"count"`
	Examples []string `json:"examples"` // station ids, with the text in question
}

// Report says what an import read, made and found odd.
type Report struct {
	Rows       int `json:"rows"`
	Stations   int `json:"stations"` // rows that became part of a site
	Sites      int `json:"sites"`
	EVSEs      int `json:"evses"`
	Connectors int `json:"connectors"`
	Tariffs    int `json:"tariffs"`

	oddities map[Oddity]*Finding
}

func (r *Report) note(o Oddity, example string) {
	f := r.oddities[o]
	if f == nil {
		f = &Finding{Oddity: o}
		r.oddities[o] = f
	}
	f.Count++
	if len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, example)
	}
}

// Count returns how often o was found.
func (r *Report) Count(o Oddity) int {
	if f := r.oddities[o]; f != nil {
		return f.Count
	}
	return 0
}

// Findings returns what was found, the most frequent first.
func (r *Report) Findings() []Finding {
	out := make([]Finding, 0, len(r.oddities))
	for _, f := range r.oddities {
		out = append(out, *f)
	}
	slices.SortFunc(out, func(a, b Finding) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		if a.Oddity < b.Oddity {
			return -1
		}
		return 1
	})
	return out
}
