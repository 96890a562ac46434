"""What Go code passes to the functions that it calls: constants and strings, without running it."""
