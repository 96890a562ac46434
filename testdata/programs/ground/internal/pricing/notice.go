package pricing

// Notice is longer than what a comparison may be tempted to read of a string.
//
//go:noinline
func Notice(o *Order) string {
	if o.ID == 0 {
		return ""
	}
	return "The parcel is insured from the moment it leaves the warehouse until it is handed over at the address on the label. " +
		"Damage must be reported within fourteen days of delivery, with photographs of the wrapping and of the goods inside. " +
		"Claims that arrive later are not accepted, whatever the reason for the delay may have been."
}
