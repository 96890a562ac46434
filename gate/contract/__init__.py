"""Contracts: what a program promises to the next one, proposed and locked."""
