"""Effective GODEBUG defaults: what a toolchain does by itself, corrected by what the binary says.

Source: internal/godebugs/table.go of Go 1.21 to 1.27, entries removed since included. `DefaultGODEBUG` in the build
settings lists only what differs from the toolchain's own defaults.
"""

from __future__ import annotations

from probes.go.module.layouts import NEWEST_MINOR

CHANGED: dict[str, tuple[int, str]] = {
    # name: (minor version that changed the default, the value that restores what was before)
    "asynctimerchan": (23, "1"),
    "containermaxprocs": (25, "0"),
    "cryptocustomrand": (26, "1"),
    "decoratemappings": (25, "0"),
    "gotestjsonbuildtext": (24, "1"),
    "gotypesalias": (23, "0"),
    "httpcookiemaxnum": (24, "0"),
    "httplaxcontentlength": (22, "1"),
    "httpmuxgo121": (22, "1"),
    "httpservecontentkeepheaders": (23, "1"),
    "httpservecontentmaxranges": (26, "1"),
    "multipathtcp": (24, "0"),
    "netedns0": (19, "0"),
    "panicnil": (21, "1"),
    "randseednop": (24, "0"),
    "rsa1024min": (24, "0"),
    "tls10server": (22, "1"),
    "tls3des": (23, "1"),
    "tlskyber": (23, "0"),
    "tlsmlkem": (24, "0"),
    "tlsrsakex": (22, "1"),
    "tlssecpmlkem": (26, "0"),
    "tlssha1": (25, "1"),
    "tlsunsafeekm": (22, "1"),
    "tracebacklabels": (27, "0"),
    "updatemaxprocs": (25, "0"),
    "urlmaxqueryparams": (24, "0"),
    "urlstrictcolons": (26, "0"),
    "winreadlinkvolume": (23, "0"),
    "winsymlink": (23, "0"),
    "x509keypairleaf": (23, "0"),
    "x509negativeserial": (23, "1"),
    "x509rsacrt": (24, "0"),
    "x509sha256skid": (25, "0"),
    "x509sslcertoverrideplatform": (27, "0"),
    "x509usepolicies": (24, "0"),
}
MAX_SETTINGS = 1000


def effective(minor: int | None, default_godebug: str) -> tuple[dict[str, str], bool]:
    """Setting -> value as the program starts without a GODEBUG variable.

    Args:
        minor: minor number of the toolchain, None when unknown.
        default_godebug: the build setting `DefaultGODEBUG`, `name=value` separated by commas.

    Returns:
        the settings, and whether the toolchain's own defaults are known and part of them.
    """
    known = minor is not None and minor <= NEWEST_MINOR
    out: dict[str, str] = {}
    if known and minor is not None:
        for name, (changed, old) in CHANGED.items():
            out[name] = old if minor < changed else ("0" if old == "1" else "1")
    for pair in default_godebug.split(",")[:MAX_SETTINGS]:
        name, equals, value = pair.partition("=")
        if equals and name.strip():
            out[name.strip()] = value.strip()
    return out, known
