"""What has to come before what, and why; the order that follows, or the cycle that stands against it."""
