package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// owner is a party that publishes locations.
type owner struct{ country, id string }

// weighted is one of several things and how often it occurs.
type weighted[T any] struct {
	n    int
	what T
}

// choice draws one of several things as often as they occur.
type choice[T any] struct {
	list []weighted[T]
	sum  int
}

func newChoice[T any](list ...weighted[T]) choice[T] {
	c := choice[T]{list: list}
	for _, w := range list {
		c.sum += w.n
	}
	return c
}

func (c *choice[T]) draw(r *rand.Rand) T {
	n := r.IntN(c.sum)
	for _, w := range c.list {
		if n -= w.n; n < 0 {
			return w.what
		}
	}
	panic("the weights do not add up")
}

// plug is a connector as operators describe it; power is as written, null
// where they leave it out.
type plug struct {
	standard, format, power string
	volt, ampere            int
	watt                    string
}

// shape holds how often things occur among the 36,924 locations and 89,785
// EVSEs of the Dutch national feed (June 2026, half of the municipalities, the
// largest cities missing).
type shape struct {
	owners   choice[owner]
	evses    choice[int]
	plugs    choice[plug]
	status   choice[string]
	caps     choice[string]
	parking  choice[string]
	restrict choice[string]
	ids      choice[func(*rand.Rand) string]
	uids     choice[func(*rand.Rand) string]
}

func w[T any](n int, what T) weighted[T] { return weighted[T]{n, what} }

func dutch() *shape {
	const ac, dc = "AC_3_PHASE", "DC"
	t2 := func(volt, ampere int, watt string) plug {
		return plug{"IEC_62196_T2", "SOCKET", ac, volt, ampere, watt}
	}
	return &shape{
		owners: newChoice(w(8831, owner{"NL", "LMS"}), w(8821, owner{"NL", "ALL"}), w(8418, owner{"NL", "NUO"}), w(3216, owner{"NL", "EFL"}),
			w(3067, owner{"NL", "GFX"}), w(830, owner{"NL", "TNM"}), w(797, owner{"NL", "LNT"}), w(671, owner{"NL", "UB2"}), w(470, owner{"NL", "ENE"}),
			w(349, owner{"NL", "FLW"}), w(295, owner{"NL", "DAE"}), w(190, owner{"NL", "SGM"}), w(172, owner{"NL", "FAS"}), w(101, owner{"NL", "CPI"}),
			w(97, owner{"NL", "QPA"}), w(74, owner{"NL", "LDL"}), w(68, owner{"NL", "BPE"}), w(64, owner{"NL", "EVT"}), w(58, owner{"NL", "CKE"}),
			w(50, owner{"BE", "MBP"}), w(50, owner{"NL", "PGO"}), w(41, owner{"NL", "PFG"}), w(33, owner{"US", "TSL"}), w(25, owner{"NL", "Q8E"})),
		evses: newChoice(w(31681, 2), w(1979, 4), w(1586, 1), w(420, 6), w(309, 8), w(239, 3), w(148, 10), w(88, 12), w(67, 5), w(52, 16), w(48, 7),
			w(37, 14), w(33, 20), w(30, 18), w(27, 9), w(21, 24), w(18, 11), w(15, 15), w(14, 22), w(10, 13), w(9, 30), w(8, 28), w(6, 40), w(6, 25),
			w(5, 38), w(4, 42), w(3, 36), w(3, 102), w(2, 52), w(2, 71), w(1, 60)),
		plugs: newChoice(w(35988, t2(230, 16, "null")), w(19434, t2(230, 16, "11040")), w(3764, t2(230, 32, "22080")), w(3707, t2(230, 20, "13800")),
			w(3705, t2(400, 32, "22000")), w(3208, t2(230, 25, "17300")), w(2865, t2(230, 16, "11000")), w(2585, t2(230, 32, "null")),
			w(2392, t2(230, 32, "22000")), w(1774, t2(230, 32, "11000")), w(1416, t2(230, 25, "null")), w(655, t2(400, 16, "11000")),
			w(2500, plug{"IEC_62196_T2_COMBO", "CABLE", dc, 600, 500, "300000"}), w(1500, plug{"IEC_62196_T2_COMBO", "CABLE", dc, 400, 375, "150000"}),
			w(757, plug{"CHADEMO", "CABLE", dc, 400, 125, "50000"})),
		status: newChoice(w(62307, "AVAILABLE"), w(22134, "CHARGING"), w(2969, "UNKNOWN"), w(903, "OUTOFORDER"), w(710, "INOPERATIVE"),
			w(675, "REMOVED"), w(85, "BLOCKED"), w(2, "RESERVED")),
		caps: newChoice(w(36418, `["REMOTE_START_STOP_CAPABLE","RFID_READER"]`), w(22745, `["CREDIT_CARD_PAYABLE","REMOTE_START_STOP_CAPABLE","RFID_READER"]`),
			w(10315, `["REMOTE_START_STOP_CAPABLE","RESERVABLE","RFID_READER"]`),
			w(8897, `["CHARGING_PROFILE_CAPABLE","REMOTE_START_STOP_CAPABLE","RESERVABLE","RFID_READER"]`),
			w(3240, `["CREDIT_CARD_PAYABLE","REMOTE_START_STOP_CAPABLE","RESERVABLE","RFID_READER"]`),
			w(2678, `["REMOTE_START_STOP_CAPABLE","RFID_READER","TOKEN_GROUP_CAPABLE"]`), w(1875, `["REMOTE_START_STOP_CAPABLE"]`), w(1209, `[]`), w(562, `null`)),
		parking: newChoice(w(19807, "ON_STREET"), w(15414, ""), w(1309, "PARKING_LOT"), w(275, "ON_DRIVEWAY"), w(119, "PARKING_GARAGE")),
		restrict: newChoice(w(56380, `null`), w(19770, `[]`), w(9256, `["EV_ONLY","PLUGGED"]`), w(4327, `["CUSTOMERS"]`),
			w(52, `["EV_ONLY"]`)),
		ids: newChoice(w(17891, uuid), w(4492, digits(8)), w(4403, letters(11)), w(3736, hexadecimal(32)), w(3216, hexadecimal(24)), w(838, letters(36)),
			w(800, digits(7)), w(1250, digits(6))),
		uids: newChoice(w(18865, letters(15)), w(15310, letters(12)), w(12267, uuid), w(8253, hexadecimal(24)), w(8198, hexadecimal(32)),
			w(4923, letters(20)), w(3817, letters(9)), w(3704, letters(22)), w(5178, digits(7)), w(2116, digits(4))),
	}
}

func of(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const hexDigits = "0123456789abcdef"

func uuid(r *rand.Rand) string {
	return of(r, hexDigits, 8) + "-" + of(r, hexDigits, 4) + "-11ee-" + of(r, hexDigits, 4) + "-42010aa4" + of(r, hexDigits, 4)
}

func digits(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return of(r, "0123456789", n) }
}

func hexadecimal(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return of(r, hexDigits, n) }
}

func letters(n int) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return of(r, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", n) }
}

var words = [...]string{"Kerk", "School", "Dorps", "Nieuwe", "Oude", "Molen", "Haven", "Stations", "Berg", "Linden", "Eiken", "Beuken", "Wilhelmina", "Juliana",
	"Prins Hendrik", "Zee", "Duin", "Veld", "Water", "Markt", "Parallel", "Industrie", "Raadhuis", "Burgemeester van den Berg"}

var ends = [...]string{"straat", "weg", "laan", "plein", "kade", "singel", "dijk", "pad", "hof", "steeg"}

var towns = [...]string{"Kerkdriel", "Rolde", "Assen", "Breda", "Den Helder", "Emmen", "Goes", "Haarlem", "Leiden", "Nijmegen", "Oss", "Purmerend", "Roermond",
	"Sneek", "Terneuzen", "Venlo", "Weert", "Zwolle", "Bergen op Zoom", "Alphen aan den Rijn"}

// place is a location of the generated set.
type place struct {
	owner owner
	id    string
	evses []string // uids
	body  []byte
}

// generate returns the location with a number, always the same for one seed.
// Its ids end with the number where random ones could repeat.
func (s *shape) generate(seed, number uint64) place {
	r := rand.New(rand.NewPCG(seed, number))
	p := place{owner: s.owners.draw(r), id: s.ids.draw(r)(r)}
	if len(p.id) < 11 {
		p.id = strconv.FormatUint(1_000_000+number, 10)
	}
	at := func() string {
		t := time.Date(2026, 6, 7, 12, 0, 0, 0, time.UTC).Add(-time.Duration(r.ExpFloat64()*float64(10*24*time.Hour)) - time.Second)
		if r.IntN(10) == 0 {
			return t.Format("2006-01-02T15:04:05.000Z")
		}
		return t.Format("2006-01-02T15:04:05Z")
	}
	street := words[r.IntN(len(words))] + ends[r.IntN(len(ends))] + " " + strconv.Itoa(1+r.IntN(200))
	town := towns[r.IntN(len(towns))]
	b := fmt.Appendf(make([]byte, 0, 4096), `{"country_code":%q,"party_id":%q,"id":%q,"publish":true,"name":"NLD, %s, %s","address":%q,"city":%q,"postal_code":"%d %s",`+
		`"country":"NLD","coordinates":{"latitude":"%.6f","longitude":"%.6f"}`, p.owner.country, p.owner.id, p.id, town, street, street, town,
		1000+r.IntN(8999), of(r, "ABCDEGHJKLPRSTVWXZ", 2), 50.8+2.6*r.Float64(), 3.6+3.4*r.Float64())
	if k := s.parking.draw(r); k != "" {
		b = fmt.Appendf(b, `,"parking_type":%q`, k)
	}
	b = fmt.Appendf(b, `,"operator":{"name":%q,"website":"https://www.%s.example"},"owner":{"name":%[1]q}`, "Operator "+p.owner.id, p.owner.id)
	if r.IntN(100) < 90 {
		b = append(b, `,"opening_times":{"twentyfourseven":true}`...)
	}
	b = append(b, `,"evses":[`...)
	tariff := of(r, hexDigits, 32)
	for i := range s.evses.draw(r) {
		if i > 0 {
			b = append(b, ',')
		}
		uid := s.uids.draw(r)(r)
		if len(uid) < 11 {
			uid = strconv.FormatUint(1_000_000*uint64(i+1)+number, 10)
		}
		p.evses = append(p.evses, uid)
		b = s.appendEVSE(b, r, uid, i, tariff, at())
	}
	p.body = fmt.Appendf(b, `],"time_zone":"Europe/Amsterdam","last_updated":%q}`, at())
	return p
}

func (s *shape) appendEVSE(b []byte, r *rand.Rand, uid string, i int, tariff, at string) []byte {
	c := s.plugs.draw(r)
	tariffs := "null"
	if r.IntN(100) < 79 {
		tariffs = `["` + tariff + `"]`
	}
	return fmt.Appendf(b, `{"uid":%q,"images":null,"status":%q,"evse_id":"NL%s%s","connectors":[{"id":"%d","format":%q,"standard":%q,"power_type":%q,`+
		`"tariff_ids":%s,"max_voltage":%d,"last_updated":%q,"max_amperage":%d,"max_electric_power":%s,"terms_and_conditions":null}],"directions":null,`+
		`"coordinates":null,"floor_level":null,"capabilities":%s,"last_updated":%[11]q,"status_schedule":null,"physical_reference":%[15]q,"parking_restrictions":%[16]s}`,
		uid, s.status.draw(r), of(r, "ABCDEFGHJKLMNPRSTUVWXYZ", 3), "E"+of(r, "0123456789", 10), i+1, c.format, c.standard, c.power,
		tariffs, c.volt, at, c.ampere, c.watt, s.caps.draw(r), of(r, "0123456789", 7)+"-"+strconv.Itoa(i+1), s.restrict.draw(r))
}
