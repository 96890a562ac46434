"""A whole run: from paths or a service to a report."""
