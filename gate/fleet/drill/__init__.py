"""The drill: every component of a release is rehearsed on one machine, in the plan's order."""
