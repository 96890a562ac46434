"""What blocks and what must be known: files, variables, suppressions."""
