package tariff

// steps applies step_size to the lines.
//
// Energy is rounded up once, and so is time; the surplus goes to the last line
// of the dimension, whose step counts. Where any parking was priced only the
// parking is rounded, and the time of charging stays as it is. A reservation is
// rounded on its own, and so is the time beyond a booking.
func (w *walk) steps() {
	switch w.policy.StepSize {
	case StepOff:
		return
	case StepPerPeriod:
		for i := range w.result.Lines {
			l := &w.result.Lines[i]
			l.roundUp(l.Volume.n)
		}
		return
	}
	extraEnergy, extraTime := int64(0), int64(0)
	if w.policy.StepCountsUnpriced {
		extraEnergy, extraTime = w.uncounted[0], w.uncounted[1]
	}
	w.round(Energy, charging, extraEnergy)
	if !w.round(ParkingTime, charging, extraTime) {
		w.round(Time, charging, extraTime)
	}
	for p := reservation; p < parts; p++ {
		w.round(Reservation, p, 0)
	}
}

// round rounds the total of a dimension in a part up; false when nothing of it was priced.
func (w *walk) round(d Dimension, of part, extra int64) bool {
	total := extra
	var last *Line
	for i := range w.result.Lines {
		if l := &w.result.Lines[i]; l.Dimension == d && l.part == of && l.Volume.unit != count {
			total += l.Volume.n
			last = l
		}
	}
	if last == nil {
		return false
	}
	last.roundUp(total)
	return true
}

// roundUp adds to the billed volume what total lacks to a multiple of the step.
func (l *Line) roundUp(total int64) {
	step := l.from.step
	if l.Billed.unit == energy {
		step *= 1_000_000 // Wh
	}
	if l.Billed.unit == count || step <= 0 || total <= 0 {
		return
	}
	if rest := total % step; rest != 0 {
		l.Billed.n += step - rest
		l.StepSize = l.from.step
	}
}
