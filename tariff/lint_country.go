package tariff

import "slices"

// afir looks at ad hoc prices as Regulation (EU) 2023/1804 article 5 wants them at
// fast chargers: per kWh, with a fee per minute of occupancy at most (L15).
func (l *linter) afir() {
	energy, allowed := false, []Dimension{Energy, ParkingTime}
	for i := range l.tariff.Elements {
		energy = energy || l.prices(i, Energy)
		for j := range l.tariff.Elements[i].Components {
			c := &l.tariff.Elements[i].Components[j]
			if d, err := c.Price.Decimal(); err == nil && !d.IsZero() && !slices.Contains(allowed, c.Type) && !l.reserved(i) {
				l.note("L15", "afir_other_component", SeverityWarning, component(i, j), "from 50 kW an ad hoc price consists of a price per kWh and a fee for occupancy; %s is neither", c.Type)
			}
		}
	}
	if !energy {
		l.note("L15", "afir_no_price_per_kwh", SeverityWarning, "/elements", "from 50 kW an ad hoc price is per kWh")
	}
}

// countryCurrency holds what is legal tender where most charging happens.
var countryCurrency = map[string]string{
	"AT": "EUR", "BE": "EUR", "BG": "EUR", "CA": "CAD", "CH": "CHF", "CY": "EUR", "CZ": "CZK", "DE": "EUR", "DK": "DKK", "EE": "EUR",
	"ES": "EUR", "FI": "EUR", "FR": "EUR", "GB": "GBP", "GR": "EUR", "HR": "EUR", "HU": "HUF", "IE": "EUR", "IS": "ISK", "IT": "EUR",
	"JP": "JPY", "LI": "CHF", "LT": "EUR", "LU": "EUR", "LV": "EUR", "MT": "EUR", "MX": "MXN", "NL": "EUR", "NO": "NOK", "PL": "PLN",
	"PT": "EUR", "RO": "RON", "SE": "SEK", "SI": "EUR", "SK": "EUR", "US": "USD",
}

// countries holds the codes of ISO 3166-1 alpha-2, and XK, which is in use for
// Kosovo.
const countries = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBYBZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZ" +
	"DEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGMGNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKI" +
	"KMKNKPKRKWKYKZLALBLCLILKLRLSLTLULVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPL" +
	"PMPNPRPSPTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUMUSUYUZVAVCVEVGVIVN" +
	"VUWFWSXKYEYTZAZMZW"

// isCountry reports whether c is one of them.
func isCountry(c string) bool {
	for i := 0; i+2 <= len(countries); i += 2 {
		if countries[i:i+2] == c {
			return true
		}
	}
	return false
}
