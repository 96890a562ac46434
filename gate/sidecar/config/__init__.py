"""The configuration of the sidecar."""
