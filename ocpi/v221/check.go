package v221

import (
	"github.com/eroam/eroam/ocpi"
	"github.com/eroam/eroam/ocpi/internal/schema"
)

// Check checks the bytes of a whole object of a module: required fields, types,
// lengths, closed enums. It changes nothing, passes unknown fields, explicit
// nulls and empty lists in optional fields, and says with status 2001 and the
// path of the field, such as evses[0].connectors[1].standard, what is wrong.
//
// Level counts for locations: 0 is the Location, 1 an EVSE, 2 a Connector.
// For modules whose objects have no type in this package it only wants an
// object.
func Check(m ocpi.Module, level int, body []byte) error {
	if err := schema.Valid(body); err != nil {
		return err
	}
	return CheckValid(m, level, body)
}

// CheckValid is Check for bytes that are known to be valid JSON, which takes most
// of the time to find out; what it says of others is worth nothing.
func CheckValid(m ocpi.Module, level int, body []byte) error {
	switch m {
	case ocpi.Locations:
		switch level {
		case 0:
			return schema.Check[Location](body)
		case 1:
			return schema.Check[EVSE](body)
		}
		return schema.Check[Connector](body)
	case ocpi.Tariffs:
		return schema.Check[Tariff](body)
	case ocpi.Tokens:
		return schema.Check[Token](body)
	case ocpi.Sessions:
		return schema.Check[Session](body)
	case ocpi.CDRs:
		return schema.Check[CDR](body)
	case ocpi.HubClientInfo:
		return schema.Check[ClientInfo](body)
	}
	return schema.Check[struct{}](body)
}

// The Validate methods apply the rules of Check to the JSON form of an object.
// The error is an *ocpi.Error with status 2001 and the path of the field.

// Validate checks the object, see [Check].
func (o *VersionDetails) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *ClientInfo) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *Location) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *EVSE) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *Connector) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *Session) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *ChargingPreferences) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *CDR) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *Tariff) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *Token) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *AuthorizationInfo) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *StartSession) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *StopSession) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *ReserveNow) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *CancelReservation) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *UnlockConnector) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *CommandResponse) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *CommandResult) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *SetChargingProfile) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *ActiveChargingProfile) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *ChargingProfileResponse) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *ActiveChargingProfileResult) Validate() error { return schema.Validate(o) }

// Validate checks the object, see [Check].
func (o *ChargingProfileResult) Validate() error { return schema.Validate(o) }
