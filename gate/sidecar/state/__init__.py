"""What the sidecar knows at present."""
