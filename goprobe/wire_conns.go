package goprobe

// Connections are the established connections that the probe knows of, by what an update does with them.
type Connections struct {
	Kept    int `json:"kept"`     // given to Keep: exec hands them over
	TLS     int `json:"tls"`      // given to Keep, over TLS: closed with close_notify right before exec
	NotKept int `json:"not_kept"` // given to Keep, of a type that has no descriptor of its own: closed right before exec
	Drained int `json:"drained"`  // of the servers that the probe runs: they end while Upgrade drains

	Rows    []ConnRow `json:"rows"` // the kinds that are registered
	LeftOut int       `json:"left_out"`

	Servers        []ServerRow `json:"servers"` // whose connections are drained
	LeftOutServers int         `json:"left_out_servers"`

	Packets        []PacketRow `json:"packets"` // datagram sockets that exec hands over
	LeftOutPackets int         `json:"left_out_packets"`

	// Last is null unless the image before handed over connections.
	Last *LastHandover `json:"last"`
}

// ConnRow is one kind of connections, as RegisterConns declared it.
type ConnRow struct {
	Name        string `json:"name"`
	Version     int    `json:"version"`     // of the serialised session
	Accepts     []int  `json:"accepts"`     // versions that can be restored
	Type        string `json:"type"`        // the session's Go type, package-qualified
	Fingerprint string `json:"fingerprint"` // SHA-256 in hex of the type and all it reaches
	Codec       string `json:"codec"`
	Kept        int    `json:"kept"`
	TLS         int    `json:"tls"`
	NotKept     int    `json:"not_kept"`
	Restored    int    `json:"restored"` // of the image before, whether they are still open or not
	// Addresses are those that the connections came in on.
	Addresses        []AddressRow `json:"addresses"`
	LeftOutAddresses int          `json:"left_out_addresses"`
}

// AddressRow is the address of a listener of the probe's, or else a connection's local address.
type AddressRow struct {
	Address string `json:"address"`
	Count   int    `json:"count"` // whatever becomes of them
}

// ServerRow is a server that the probe runs and drains.
type ServerRow struct {
	Kind    string `json:"kind"` // "http" or "graceful"
	Address string `json:"address"`
	Count   int    `json:"count"` // connections
}

// PacketRow is a datagram socket.
type PacketRow struct {
	Name      string `json:"name"`
	Network   string `json:"network"`
	Address   string `json:"address"`
	FD        int    `json:"fd"` // of the descriptor that is handed over
	Inode     uint64 `json:"inode"`
	Inherited bool   `json:"inherited"`
	Handover  bool   `json:"handover"`
}

// LastHandover says what came of the connections when this image took over.
type LastHandover struct {
	Handed   int    `json:"handed"`
	Restored int    `json:"restored"`
	Closed   int    `json:"closed"` // given to Keep, and closed by the image before
	Bytes    int64  `json:"bytes"`  // of sessions, bytes that were read and not consumed, and bytes not yet sent
	Digest   string `json:"digest"` // SHA-256 in hex of these
	// StoppedMonotonicNS is when the image before began to stop the loops, ServedMonotonicNS when the last was served again.
	StoppedMonotonicNS int64 `json:"stopped_monotonic_ns"`
	ServedMonotonicNS  int64 `json:"served_monotonic_ns"`
}
