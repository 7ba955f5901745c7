package store

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/eroam/eroam/ocpi"
)

// What is asked for each CDR, or reads many rows, finds them by an index and in
// their order: it neither reads a whole table nor sorts.
func TestLedgerPlans(t *testing.T) {
	s, err := Open(context.Background(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := &ocpi.PartyID{CountryCode: "NL", ID: "CP1"}
	yes := true
	type query struct{ text, index string }
	few := map[string]bool{sqlPermissions: true, sqlPermissionsOf: true} // rows to sort
	queries := []query{
		{sqlCDR, "sqlite_autoindex_cdr"}, {sqlCDRByID, "PRIMARY KEY"}, {sqlProgress, "PRIMARY KEY"}, {sqlUpdateCDR, "PRIMARY KEY"}, {sqlWatchHasCDR, "sqlite_autoindex_session_watch"},
		{sqlRelated, "cdr_session"}, {sqlRelated, "cdr_token"}, {sqlRelated, "cdr_evse"}, {sqlLastRegister, "cdr_meter"}, {sqlLastAtEVSE, "cdr_evse"},
		{sqlDueMail, "cdr_waiting"}, {sqlNextReceiver, "cdr_waiting"}, {sqlDueApprovals, "cdr_deadline"}, {sqlDueWatches, "session_watch_due"},
		{sqlCDROfSession, "cdr_session"}, {sqlNewestRival, "cdr_session"}, {sqlNewestRival, "cdr_evse"}, {sqlPutOffMail, "PRIMARY KEY"}, {sqlHurryMail, "cdr_waiting"}, {sqlLateMail, "cdr_waiting"}, {sqlOldMail, "cdr_waiting"}, {sqlNextMail, "cdr_waiting"},
		{sqlCDRSpan, "cdr_received"}, {sqlPostingSpan, "posting_at"}, {sqlLedgerSize, "ledger_event"}, {sqlLastPosting, "posting"},
		{sqlCDREvents, "ledger_event_cdr"}, {sqlEvents, "PRIMARY KEY"}, {sqlEventHashes, "PRIMARY KEY"},
		{sqlNodeHashes, "sqlite_autoindex_ledger_node"}, {sqlTariffAt, "sqlite_autoindex_tariff_version"}, {sqlTariffTime, "sqlite_autoindex_tariff_version"},
		{sqlNewestTariff, "sqlite_autoindex_tariff_version"}, {sqlPermissions, "permission_token"}, {sqlPermissionsOf, "permission_reference"},
	}
	for _, c := range []struct {
		q     CDRQuery
		index string
	}{
		{CDRQuery{}, "PRIMARY KEY"}, {CDRQuery{From: 5, To: 6}, "PRIMARY KEY"}, {CDRQuery{CPO: p}, "cdr_owner"}, {CDRQuery{EMSP: p}, "cdr_emsp"},
		{CDRQuery{EMSP: p, From: 5, To: 6}, "cdr_emsp"}, {CDRQuery{State: "disputed"}, "cdr_state"}, {CDRQuery{Held: &yes}, "cdr_held"},
		{CDRQuery{Mail: MailDead}, "cdr_dead"}, {CDRQuery{CPO: p, Session: "s"}, "cdr_session"},
	} {
		text, _ := c.q.conditions(span{1, 2}).query(cdrColumns, "cdr", 10)
		queries = append(queries, query{text, c.index})
	}
	for _, q := range queries {
		var plan []string
		err := s.engine.read.rows(context.Background(), "EXPLAIN QUERY PLAN "+q.text, make([]any, strings.Count(q.text, "$")), func(scan scanFunc) error {
			var id, parent, unused int64
			var step string
			err := scan(&id, &parent, &unused, &step)
			plan = append(plan, step)
			return err
		})
		text := strings.NewReplacer("SCAN CONSTANT ROW", "", "SCAN of_", "").Replace(fmt.Sprint(plan)) // of_: what a subquery has found
		if err != nil || !strings.Contains(text, q.index) || strings.Contains(text, "SCAN") ||
			strings.Contains(text, "TEMP B-TREE") && !few[q.text] {
			t.Errorf("%s\nis done by %s, %v; want an index %s", q.text, text, err, q.index)
		}
	}
}
