"""What programs ask of the kernel."""
