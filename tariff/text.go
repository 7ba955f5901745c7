package tariff

import (
	"fmt"
	"strings"
)

// words are the texts of one language.
type words struct {
	total, unknownTax, plusTax, free               string
	line, flatLine                                 string
	stepped, tax, because, always, passed, missing string
	min, max, findings                             string
	dimension                                      map[Dimension]string
	restriction                                    map[string]string
}

// Languages lists those that [Result.Text] speaks.
func Languages() []string { return []string{"en", "es", "fr"} }

var languages = map[string]*words{
	"en": {
		total: "Total %s %s without tax, %s with tax.", unknownTax: "Total %s %s without tax; the tariff does not tell the tax.",
		plusTax: "Total %s %s with tax; the tariff does not tell the rate.", free: "Nothing of this session has a price.",
		line: "Period %d: %s %s of %s at %s %s per %s = %s", flatLine: "Period %d: %s, once, %s %s = %s",
		stepped: " (%s %s rounded up by steps of %d)", tax: ", tax %s %%", because: " Element %d of tariff %s applies because its condition holds: %s.",
		always: " Element %d of tariff %s applies without a condition.", passed: " Element %d does not: %s.", missing: "%s is not known for the period",
		min: "The minimum price raises the total from %s to %s.", max: "The maximum price lowers the total from %s to %s.", findings: "To look at: %s",
		dimension: map[Dimension]string{Energy: "energy", Time: "charging time", ParkingTime: "parking", Flat: "start fee", Reservation: "reservation"},
		restriction: map[string]string{
			"start_time/end_time": "time of day", "day_of_week": "day of the week", "start_date": "first day", "end_date": "last day",
			"min_kwh": "least energy", "max_kwh": "most energy", "min_duration": "least duration", "max_duration": "most duration",
			"min_power": "least power", "max_power": "most power", "min_current": "least current", "max_current": "most current",
		},
	},
	"fr": {
		total: "Total %s %s hors taxes, %s toutes taxes comprises.", unknownTax: "Total %s %s hors taxes ; le tarif n'indique pas la taxe.",
		plusTax: "Total %s %s toutes taxes comprises ; le tarif n'indique pas le taux.", free: "Rien dans cette session n'est payant.",
		line: "Période %d : %s %s, %s, à %s %s par %s = %s", flatLine: "Période %d : %s, une fois, %s %s = %s",
		stepped: " (%s %s arrondis vers le haut par pas de %d)", tax: ", taxe %s %%", because: " L'élément %d du tarif %s s'applique, car sa condition est remplie : %s.",
		always: " L'élément %d du tarif %s s'applique sans condition.", passed: " L'élément %d ne s'applique pas : %s.", missing: "%s : inconnu pour la période",
		min: "Le prix minimum porte le total de %s à %s.", max: "Le prix maximum ramène le total de %s à %s.", findings: "À vérifier : %s",
		dimension: map[Dimension]string{Energy: "énergie", Time: "durée de charge", ParkingTime: "stationnement", Flat: "frais de démarrage", Reservation: "réservation"},
		restriction: map[string]string{
			"start_time/end_time": "heure de la journée", "day_of_week": "jour de la semaine", "start_date": "premier jour", "end_date": "dernier jour",
			"min_kwh": "énergie minimale", "max_kwh": "énergie maximale", "min_duration": "durée minimale", "max_duration": "durée maximale",
			"min_power": "puissance minimale", "max_power": "puissance maximale", "min_current": "courant minimal", "max_current": "courant maximal",
		},
	},
	"es": {
		total: "Total %s %s sin impuestos, %s con impuestos.", unknownTax: "Total %s %s sin impuestos; la tarifa no indica el impuesto.",
		plusTax: "Total %s %s con impuestos; la tarifa no indica el tipo.", free: "Nada de esta sesión tiene precio.",
		line: "Periodo %d: %s %s de %s a %s %s por %s = %s", flatLine: "Periodo %d: %s, una vez, %s %s = %s",
		stepped: " (%s %s redondeados hacia arriba en pasos de %d)", tax: ", impuesto %s %%", because: " El elemento %d de la tarifa %s se aplica porque se cumple su condición: %s.",
		always: " El elemento %d de la tarifa %s se aplica sin condición.", passed: " El elemento %d no se aplica: %s.", missing: "%s: no se conoce para el periodo",
		min: "El precio mínimo sube el total de %s a %s.", max: "El precio máximo baja el total de %s a %s.", findings: "Por revisar: %s",
		dimension: map[Dimension]string{Energy: "energía", Time: "tiempo de carga", ParkingTime: "estacionamiento", Flat: "tarifa de inicio", Reservation: "reserva"},
		restriction: map[string]string{
			"start_time/end_time": "hora del día", "day_of_week": "día de la semana", "start_date": "primer día", "end_date": "último día",
			"min_kwh": "energía mínima", "max_kwh": "energía máxima", "min_duration": "duración mínima", "max_duration": "duración máxima",
			"min_power": "potencia mínima", "max_power": "potencia máxima", "min_current": "corriente mínima", "max_current": "corriente máxima",
		},
	},
}

// Text tells the result in a language: en, es or fr; any other is en. Use a result
// of [PriceList.Explain], else the reasons are missing. Numbers are written with a
// decimal point in all of them.
func (r *Result) Text(language string) string {
	w := languages[language]
	if w == nil {
		w = languages["en"]
	}
	var b strings.Builder
	b.WriteString(r.totalText(w))
	for i := range r.Lines {
		b.WriteString("\n")
		r.lineText(&b, w, &r.Lines[i])
	}
	if r.LimitApplied != nil && r.BeforeLimits != nil {
		text, from, to := w.min, r.BeforeLimits.Excl, r.TotalExcl
		if *r.LimitApplied == "max_price" {
			text = w.max
		}
		if !from.Known() {
			from, to = r.BeforeLimits.Incl, r.TotalIncl
		}
		fmt.Fprintf(&b, "\n"+text, from.Text(r.Rounded.Decimals), to.Text(r.Rounded.Decimals))
	}
	if len(r.Findings) > 0 {
		codes := make([]string, 0, len(r.Findings))
		for _, f := range r.Findings {
			codes = append(codes, strings.TrimSpace(f.Code+" "+f.Pointer))
		}
		fmt.Fprintf(&b, "\n"+w.findings, strings.Join(codes, "; "))
	}
	return b.String()
}

func (r *Result) totalText(w *words) string {
	excl, incl := r.Rounded.TotalExcl.String(), r.Rounded.TotalIncl.String()
	switch {
	case len(r.Lines) == 0 && r.TotalIncl.IsZero():
		return w.free
	case !r.TotalExcl.Known():
		return fmt.Sprintf(w.plusTax, incl, r.Currency)
	case !r.TotalIncl.Known():
		return fmt.Sprintf(w.unknownTax, excl, r.Currency)
	}
	return fmt.Sprintf(w.total, excl, r.Currency, incl)
}

func (r *Result) lineText(b *strings.Builder, w *words, l *Line) {
	cost := l.Excl
	if !cost.Known() {
		cost = l.Incl
	}
	name := w.dimension[l.Dimension]
	if l.Type == Flat && l.Dimension == Reservation {
		name += ", " + w.dimension[Flat]
	}
	if l.Volume.unit == count {
		fmt.Fprintf(b, w.flatLine, l.Period+1, name, l.UnitPrice, r.Currency, cost)
	} else {
		fmt.Fprintf(b, w.line, l.Period+1, l.Billed, l.Billed.Unit(), name, l.UnitPrice, r.Currency, l.Billed.Unit(), cost)
		if l.StepSize != 0 {
			fmt.Fprintf(b, w.stepped, l.Volume, l.Volume.Unit(), l.StepSize)
		}
	}
	if l.VAT.IsSet() {
		fmt.Fprintf(b, w.tax, l.VAT)
	}
	b.WriteByte('.')
	if l.Why == nil {
		return
	}
	names := make([]string, 0, len(l.Why.Matched))
	for _, m := range l.Why.Matched {
		names = append(names, w.restriction[m])
	}
	if len(names) == 0 {
		fmt.Fprintf(b, w.always, l.Element+1, l.TariffID)
	} else {
		fmt.Fprintf(b, w.because, l.Element+1, l.TariffID, strings.Join(names, ", "))
	}
	for _, p := range l.Why.Passed[:min(len(l.Why.Passed), maxPassed)] {
		reason := w.restriction[p.Restriction]
		if p.Missing {
			reason = fmt.Sprintf(w.missing, reason)
		}
		fmt.Fprintf(b, w.passed, p.Element+1, reason)
	}
}

// maxPassed bounds how many earlier elements a text names; the JSON has all.
const maxPassed = 4
