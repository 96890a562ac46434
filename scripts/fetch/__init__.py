"""Public binaries and schemas, fetched when wanted."""
