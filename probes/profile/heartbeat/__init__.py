"""Profile windows that a service takes of itself all the time: how whole they are."""
