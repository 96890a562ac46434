"""Package variables that came, went or changed their type."""
