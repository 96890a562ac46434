"""What a Go program says of its build: module versions, settings, GODEBUG, FIPS, plugin digests."""
