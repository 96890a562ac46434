"""Playbooks and roles for hosts that `hotgate apply` updates."""
