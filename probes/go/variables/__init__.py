"""Package variables: which there are, and of which types."""
