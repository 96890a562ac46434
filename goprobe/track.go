package goprobe

// Track declares C resources, such as open handles of a library: exec would lose them, so PrepareExec waits until there
// are none. It gives what ends the declaration. The function count is called on every question and should be quick.
func (p *Probe) Track(name string, count func() int64) (remove func()) {
	return p.resources.add(name, 0, false, count)
}

// TrackHandedOver declares C resources that the service hands over by itself.
func (p *Probe) TrackHandedOver(name string, count func() int64) (remove func()) {
	return p.resources.add(name, 0, true, count)
}

// InFlight declares work under way, such as the length of a queue: PrepareExec waits until it is at or below the limit.
// Requests of servers that Serve runs are counted without it.
func (p *Probe) InFlight(name string, limit int64, count func() int64) (remove func()) {
	return p.work.add(name, limit, false, count)
}
