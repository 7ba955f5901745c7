package v221

// Status of an EVSE (§8.4.22).
type Status string

// The values of Status.
const (
	Available   Status = "AVAILABLE"
	Blocked     Status = "BLOCKED"
	Charging    Status = "CHARGING"
	Inoperative Status = "INOPERATIVE"
	OutOfOrder  Status = "OUTOFORDER"
	Planned     Status = "PLANNED"
	Removed     Status = "REMOVED"
	Reserved    Status = "RESERVED"
	Unknown     Status = "UNKNOWN"
)

// Values lists the closed enum.
func (Status) Values() []string {
	return []string{"AVAILABLE", "BLOCKED", "CHARGING", "INOPERATIVE", "OUTOFORDER", "PLANNED", "REMOVED", "RESERVED", "UNKNOWN"}
}

// ConnectorFormat is SOCKET or CABLE (§8.4.4).
type ConnectorFormat string

// The values of ConnectorFormat.
const (
	Socket ConnectorFormat = "SOCKET"
	Cable  ConnectorFormat = "CABLE"
)

// Values lists the closed enum.
func (ConnectorFormat) Values() []string { return []string{"SOCKET", "CABLE"} }

// PowerType is the kind of current (§8.4.19).
type PowerType string

// The values of PowerType.
const (
	AC1Phase      PowerType = "AC_1_PHASE"
	AC2Phase      PowerType = "AC_2_PHASE"
	AC2PhaseSplit PowerType = "AC_2_PHASE_SPLIT"
	AC3Phase      PowerType = "AC_3_PHASE"
	DC            PowerType = "DC"
)

// Values lists the closed enum.
func (PowerType) Values() []string {
	return []string{"AC_1_PHASE", "AC_2_PHASE", "AC_2_PHASE_SPLIT", "AC_3_PHASE", "DC"}
}

// EnergySourceCategory is a kind of power plant (§8.4.8).
type EnergySourceCategory string

// Values lists the closed enum.
func (EnergySourceCategory) Values() []string {
	return []string{"NUCLEAR", "GENERAL_FOSSIL", "COAL", "GAS", "GENERAL_GREEN", "SOLAR", "WIND", "WATER"}
}

// The enums that OCPI 2.3.0 opened. [ConnectorType.Defined] and its like tell which
// values 2.2.1 itself defines.
type (
	Capability                  string // §8.4.3
	ConnectorType               string // §8.4.5
	EnvironmentalImpactCategory string // §8.4.10
	Facility                    string // §8.4.12
	ImageCategory               string // §8.4.16
	ParkingRestriction          string // §8.4.17
	ParkingType                 string // §8.4.18
)

// Defined reports whether 2.2.1 defines the value.
func (c ConnectorType) Defined() bool {
	switch c {
	case "CHADEMO", "CHAOJI",
		"DOMESTIC_A", "DOMESTIC_B", "DOMESTIC_C", "DOMESTIC_D", "DOMESTIC_E", "DOMESTIC_F", "DOMESTIC_G", "DOMESTIC_H",
		"DOMESTIC_I", "DOMESTIC_J", "DOMESTIC_K", "DOMESTIC_L", "DOMESTIC_M", "DOMESTIC_N", "DOMESTIC_O",
		"GBT_AC", "GBT_DC",
		"IEC_60309_2_single_16", "IEC_60309_2_three_16", "IEC_60309_2_three_32", "IEC_60309_2_three_64",
		"IEC_62196_T1", "IEC_62196_T1_COMBO", "IEC_62196_T2", "IEC_62196_T2_COMBO", "IEC_62196_T3A", "IEC_62196_T3C",
		"NEMA_5_20", "NEMA_6_30", "NEMA_6_50", "NEMA_10_30", "NEMA_10_50", "NEMA_14_30", "NEMA_14_50",
		"PANTOGRAPH_BOTTOM_UP", "PANTOGRAPH_TOP_DOWN", "TESLA_R", "TESLA_S":
		return true
	}
	return false
}

// Defined reports whether 2.2.1 defines the value.
func (c Capability) Defined() bool {
	switch c {
	case "CHARGING_PROFILE_CAPABLE", "CHARGING_PREFERENCES_CAPABLE", "CHIP_CARD_SUPPORT", "CONTACTLESS_CARD_SUPPORT",
		"CREDIT_CARD_PAYABLE", "DEBIT_CARD_PAYABLE", "PED_TERMINAL", "REMOTE_START_STOP_CAPABLE", "RESERVABLE", "RFID_READER",
		"START_SESSION_CONNECTOR_REQUIRED", "TOKEN_GROUP_CAPABLE", "UNLOCK_CAPABLE":
		return true
	}
	return false
}

// Defined reports whether 2.2.1 defines the value.
func (f Facility) Defined() bool {
	switch f {
	case "HOTEL", "RESTAURANT", "CAFE", "MALL", "SUPERMARKET", "SPORT", "RECREATION_AREA", "NATURE", "MUSEUM", "BIKE_SHARING",
		"BUS_STOP", "TAXI_STAND", "TRAM_STOP", "METRO_STATION", "TRAIN_STATION", "AIRPORT", "PARKING_LOT", "CARPOOL_PARKING",
		"FUEL_STATION", "WIFI":
		return true
	}
	return false
}

// Defined reports whether 2.2.1 defines the value.
func (c EnvironmentalImpactCategory) Defined() bool {
	return c == "NUCLEAR_WASTE" || c == "CARBON_DIOXIDE"
}

// Defined reports whether 2.2.1 defines the value.
func (c ImageCategory) Defined() bool {
	switch c {
	case "CHARGER", "ENTRANCE", "LOCATION", "NETWORK", "OPERATOR", "OTHER", "OWNER":
		return true
	}
	return false
}

// Defined reports whether 2.2.1 defines the value.
func (p ParkingRestriction) Defined() bool {
	switch p {
	case "EV_ONLY", "PLUGGED", "DISABLED", "CUSTOMERS", "MOTORCYCLES":
		return true
	}
	return false
}

// Defined reports whether 2.2.1 defines the value.
func (p ParkingType) Defined() bool {
	switch p {
	case "ALONG_MOTORWAY", "PARKING_GARAGE", "PARKING_LOT", "ON_DRIVEWAY", "ON_STREET", "UNDERGROUND_GARAGE":
		return true
	}
	return false
}
