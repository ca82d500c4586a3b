"""Certificates for one test run, signed by an authority nobody else trusts."""

from __future__ import annotations

import datetime as dt
import functools
import ssl

import trustme

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
LATER = NOW + dt.timedelta(days=30)
EARLIER = NOW - dt.timedelta(days=1)


@functools.cache
def authority() -> trustme.CA:
    return trustme.CA()


@functools.cache
def certificate(*names: str, expires: dt.datetime = LATER) -> trustme.LeafCert:
    return authority().issue_cert(*names, not_after=expires)


def serving_with(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    return context
