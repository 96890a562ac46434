"""Breaking changes of interfaces, as the tools find them that know the interface; what they say keeps their names for it."""
