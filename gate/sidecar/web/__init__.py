"""The sidecar's API and pages."""
