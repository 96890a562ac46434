"""Which version runs where, as the hosts' sidecars tell, and what differs from the plan."""
