"""TLS contexts from files: made once, and again when a file has changed."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What differs from the defaults; all None and True: nothing does."""

    ca_file: Path | None = None
    client_certificate_file: Path | None = None
    client_key_file: Path | None = None
    verify: bool = True

    @property
    def paths(self) -> tuple[Path, ...]:
        every = (self.ca_file, self.client_certificate_file, self.client_key_file)
        return tuple(path for path in every if path is not None)

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            ValueError: there is something wrong with one, in words for the user.
        """
        context = self._trusting()
        if self.client_certificate_file is not None:
            _present(context, self.client_certificate_file, self.client_key_file)
        return context

    def _trusting(self) -> ssl.SSLContext:
        if not self.verify:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        return ssl.create_default_context() if self.ca_file is None else _trusting(self.ca_file)

    def check(self) -> None:
        """Read the files without the system's authorities, which take tens of milliseconds.

        Raises:
            ValueError: as `context`.
        """
        if self.ca_file is not None:
            _trusting(self.ca_file)
        if self.client_certificate_file is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            _present(context, self.client_certificate_file, self.client_key_file)


class Contexts:
    """The context of now: a rotated certificate is used from the next run on."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = _stamp(files.paths)
        self._context = files.context()

    def current(self) -> ssl.SSLContext:
        """While the files on disk don't fit each other, half rotated, it stays the one it was."""
        stamp = _stamp(self._files.paths)
        if stamp != self._stamp:
            try:
                self._context = self._files.context()
            except ValueError:
                return self._context
            self._stamp = stamp
        return self._context


def _stamp(paths: tuple[Path, ...]) -> Stamp:
    try:
        return tuple((s.st_mtime_ns, s.st_size, s.st_ino) for s in (path.stat() for path in paths))
    except OSError:
        return ()


def _trusting(ca_file: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:  # ssl.SSLError is one.
        raise ValueError("the file has no certificate that can be read; write PEM into it") from None


def _present(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # Without a password given OpenSSL asks for one on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            raise ValueError("the key is not the certificate's; give the two that belong together") from None
        raise ValueError(
            "certificate or unencrypted key can't be read; write both as PEM, in one file or two"
        ) from None
