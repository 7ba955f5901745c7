// Package conform checks from outside whether an OCPI roaming hub keeps the
// protocol (OCPI 2.2.1 and 2.3.0). It talks to the hub over HTTP only: scripted
// platforms, each a real HTTP server, register with the hub as charge point
// operators and service providers, exchange messages through it, and compare
// what one of them sent with what the others received.
//
// There is one [Check] for each rule. A check has an id that does not change
// (E01), a level (MUST or SHOULD), a reference into the specification, and a
// title that reads "given … → then …". The letters:
//
//	A  tokens, JSON, envelope          H  lists, paging, Link
//	B  message ids                     I  commands and charging profiles
//	C  versions and details            J  CDRs and authorisation
//	D  credentials                     L  HubClientInfo
//	E  direct requests                 N  2.2.1 ↔ 2.3.0
//	F  broadcast pushes                O  a second hub
//	G  open routing
//
// How parties come into the hub is not part of OCPI. An [Operator] does that:
// [Admin] uses the API of eroam, [Manual] works with tokens that somebody
// issued by hand. A check that needs more of the operator than it can do is
// reported as skipped, with the reason.
//
//	suite, err := conform.Open(ctx, conform.Options{
//		VersionsURL: "http://127.0.0.1:8080/ocpi/versions",
//		Operator:    conform.NewAdmin("http://127.0.0.1:8080", adminToken),
//	})
//	if err != nil {
//		return err
//	}
//	defer suite.Close()
//	report := suite.Run(ctx)
//	report.Text(os.Stdout)
package conform
