package ocmf

import (
	"errors"

	"github.com/eroam/eroam/ocpi/v221"
)

var errStub = errors.New("not yet")

func parse(string) (*Record, error)                      { return nil, errStub }
func parseKey(string) (*Key, error)                      { return nil, errStub }
func (r *Record) verify(*Key) Verification               { return Verification{Outcome: CannotVerify} }
func check([]*Record, Expected) (Transaction, []Problem) { return Transaction{}, nil }
func fromOCPI(v221.SignedData, string, Expected) Report {
	return Report{Verification: Verification{Outcome: NoKey}}
}
