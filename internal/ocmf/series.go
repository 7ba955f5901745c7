package ocmf

import (
	"strings"
	"time"
)

// gather sorts the readings of records by register; order is that in which the
// registers first come. The name of a register is its RI and RU.
func gather(records []*Record) (series map[string][]Reading, order []string) {
	series = make(map[string][]Reading)
	for _, r := range records {
		for _, rd := range r.Readings {
			name := strings.TrimSpace(rd.Register + " " + rd.Unit)
			if _, ok := series[name]; !ok {
				order = append(order, name)
			}
			series[name] = append(series[name], rd)
		}
	}
	return series, order
}

// series checks the readings of one register, in order.
func (c *checker) series(name string, all []Reading) {
	first, last := all[0], all[len(all)-1]
	if first.Reason != 'B' {
		c.addf(BeginMissing, name, "the first reading of %s has TX %s, not B", name, reason(first))
	}
	if !last.ends() {
		c.addf(EndMissing, name, "the last reading of %s has TX %s, none of E, L, R, A and P", name, reason(last))
	}
	for i, rd := range all {
		c.reading(name, i, rd)
		if i > 0 {
			c.step(name, i, all[i-1], rd)
		}
		if inside := i > 0 && rd.Reason == 'B' || i < len(all)-1 && rd.ends(); inside || rd.Reason == 0 {
			c.addf(OrderWrong, name, "reading %d of %d of %s has TX %s", i+1, len(all), name, reason(rd))
		}
	}
}

// reason writes TX for messages.
func reason(r Reading) string {
	if r.Reason == 0 {
		return "missing or unknown"
	}
	return string(rune(r.Reason))
}

// reading checks one reading by itself.
func (c *checker) reading(name string, i int, rd Reading) {
	at := i + 1
	if rd.Time.IsZero() {
		c.addf(TimeUnreadable, name, "reading %d of %s: TM is %.60q", at, name, rd.time)
	} else if c.want.TimeBilled && rd.Clock != 'S' && rd.Clock != 'R' {
		c.addf(ClockUnfit, name, "reading %d of %s: the clock is %c, neither synchronised (S) nor relative (R), and time is billed", at, name, rd.Clock)
	}
	if countsEnergy(rd.Unit) && !rd.Exact {
		c.addf(ValueUnreadable, name, "reading %d of %s: RV %.40q in %.20q is not a whole number of 10⁻⁹ kWh", at, name, rd.Value, rd.Unit)
	}
	if rd.Status != "G" {
		c.addf(StatusBad, name, "reading %d of %s: ST is %.20q, not G", at, name, rd.Status)
	}
	if rd.Errors != "" {
		c.addf(ErrorFlagged, name, "reading %d of %s: EF is %.20q", at, name, rd.Errors)
	}
	switch {
	case rd.Reason == 'X':
		c.addf(Exception, name, "reading %d of %s: TX X, an error during the transaction", at, name)
	case rd.Reason == 'S' && c.want.TimeBilled:
		c.addf(Suspended, name, "reading %d of %s: TX S, charging was suspended, and time is billed", at, name)
	}
	if loss, ok := scaled(rd.Loss, 9); rd.Loss != "" && rd.Reason == 'B' && (!ok || loss != 0) {
		c.addf(LossWrong, name, "reading %d of %s: CL is %.40s at the begin, not 0", at, name, rd.Loss)
	}
}

// countsEnergy reports whether a value in 10⁻⁹ kWh is wanted of a register; one
// that has no unit should have had one.
func countsEnergy(unit string) bool { return unit == "kWh" || unit == "Wh" || unit == "" }

// step checks a reading beside the one before.
func (c *checker) step(name string, i int, before, rd Reading) {
	if !rd.Time.IsZero() && rd.Time.Before(before.Time) {
		c.addf(OrderWrong, name+" time", "reading %d of %s is at %s, before the one before at %s", i+1, name, rd.time, before.time)
	}
	if rd.Exact && before.Exact && rd.Energy < before.Energy {
		c.addf(ValueDecreases, name, "reading %d of %s is %s %s after %s %s", i+1, name, rd.Value, rd.Unit, before.Value, before.Unit)
	}
	now, ok := scaled(rd.Loss, 9)
	was, known := scaled(before.Loss, 9)
	if ok && known && now < was {
		c.addf(LossWrong, name, "reading %d of %s: CL is %s after %s", i+1, name, rd.Loss, before.Loss)
	}
}

// transaction builds what the records say.
func transaction(records []*Record, series map[string][]Reading, order []string) Transaction {
	tx := Transaction{Meter: records[0].Meter, Gateway: records[0].Gateway}
	for _, r := range records {
		if r.EVSE != "" {
			tx.EVSE = r.EVSE
		}
		if r.Identified && r.ID != "" {
			tx.IDType, tx.ID = r.IDType, r.ID
		}
	}
	for _, name := range order {
		all := series[name]
		reg := Register{ID: all[0].Register, Unit: all[0].Unit}
		first, last := all[0], all[len(all)-1]
		if first.Reason == 'B' {
			reg.Start, reg.StartEnergy = first.Time, first.Energy
		}
		if last.ends() {
			reg.End, reg.EndEnergy = last.Time, last.Energy
		}
		reg.HasEnergy = first.Reason == 'B' && last.ends() && first.Exact && last.Exact
		tx.Registers = append(tx.Registers, reg)
	}
	main := tx.Registers[0]
	for _, reg := range tx.Registers {
		if reg.HasEnergy {
			main = reg
			break
		}
	}
	tx.Start, tx.End, tx.Register, tx.Unit = main.Start, main.End, main.ID, main.Unit
	tx.StartEnergy, tx.EndEnergy, tx.HasEnergy = main.StartEnergy, main.EndEnergy, main.HasEnergy
	return tx
}

// Resets reports whether the register of StartEnergy counts each transaction
// from anew, so that its readings say nothing of the transactions before: the
// OBIS codes with B2, B3, C2 or C3 in the third place (OCMF 1.4).
func (t Transaction) Resets() bool {
	_, rest, ok := strings.Cut(t.Register, ":")
	if !ok || len(rest) < 2 {
		return false
	}
	switch strings.ToUpper(rest[:2]) {
	case "B2", "B3", "C2", "C3":
		return true
	}
	return false
}

// Duration is the time from begin to end; 0 where one of them is unknown.
func (t Transaction) Duration() time.Duration {
	if t.Start.IsZero() || t.End.IsZero() {
		return 0
	}
	return t.End.Sub(t.Start)
}
