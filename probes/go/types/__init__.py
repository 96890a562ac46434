"""Type descriptors of the runtime, as tables."""
