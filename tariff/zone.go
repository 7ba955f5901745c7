package tariff

// singleZone returns the time zone of a country that has only one, by its ISO
// 3166 alpha-3 code, or "". Overseas parts with a code of their own do not count.
func singleZone(country string) string { return singleZones[country] }

var singleZones = map[string]string{
	"ALB": "Europe/Tirane", "AND": "Europe/Andorra", "AUT": "Europe/Vienna", "BEL": "Europe/Brussels",
	"BGR": "Europe/Sofia", "BIH": "Europe/Sarajevo", "CHE": "Europe/Zurich", "CZE": "Europe/Prague",
	"DEU": "Europe/Berlin", "DNK": "Europe/Copenhagen", "EST": "Europe/Tallinn", "FIN": "Europe/Helsinki",
	"FRA": "Europe/Paris", "GBR": "Europe/London", "GRC": "Europe/Athens", "HRV": "Europe/Zagreb",
	"HUN": "Europe/Budapest", "IRL": "Europe/Dublin", "ISL": "Atlantic/Reykjavik", "ISR": "Asia/Jerusalem",
	"ITA": "Europe/Rome", "JPN": "Asia/Tokyo", "KOR": "Asia/Seoul", "LIE": "Europe/Vaduz",
	"LTU": "Europe/Vilnius", "LUX": "Europe/Luxembourg", "LVA": "Europe/Riga", "MCO": "Europe/Monaco",
	"MLT": "Europe/Malta", "MNE": "Europe/Podgorica", "MKD": "Europe/Skopje", "NLD": "Europe/Amsterdam",
	"NOR": "Europe/Oslo", "POL": "Europe/Warsaw", "ROU": "Europe/Bucharest", "SRB": "Europe/Belgrade",
	"SVK": "Europe/Bratislava", "SVN": "Europe/Ljubljana", "SWE": "Europe/Stockholm", "TUR": "Europe/Istanbul",
}
