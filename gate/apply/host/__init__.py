"""What a host has: its table in the policy file, its folder of releases, its journal and its lock."""
