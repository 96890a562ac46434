"""The signals by which services with a restart library are updated, by the libraries' documentation."""

from __future__ import annotations

USUAL = {
    "github.com/cloudflare/tableflip": ("SIGHUP", "SIGUSR2"),
    "github.com/facebookgo/grace": ("SIGUSR2", "SIGHUP"),
    "github.com/fvbock/endless": ("SIGHUP", "SIGUSR2"),
    "github.com/jpillora/overseer": ("SIGUSR2", "SIGHUP"),
    "github.com/rcrowley/goagain": ("SIGUSR2", "SIGHUP"),
}
"""Restart library -> signals, the likeliest first."""
DEFAULT_TRIGGERS = ("SIGUSR2", "SIGHUP", "SIGUSR1")
