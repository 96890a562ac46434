"""A fleet on one machine: hosts at 127.0.1.1 and up, each with four components that call each other, and a sidecar."""
