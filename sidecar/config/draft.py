"""What was read so far, before it is judged."""

from __future__ import annotations

from sidecar.config.errors import Key, dotted
from sidecar.streams import one_line

DEPENDENCIES = "dependencies"
SHARDING = "sharding"


class Draft:
    """A tree of plain values, what the user calls each of them, and what was found wrong."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self._dependencies: dict[str, object] = {}
        self._names: dict[Key, str] = {}
        self._errors: dict[Key | str, str] = {}

    @property
    def errors(self) -> tuple[str, ...]:
        return tuple(self._errors.values())

    def dependencies(self) -> dict[str, dict[str, object]]:
        """Those that are mappings; what isn't is for the validation to refuse."""
        found = self.values.get(DEPENDENCIES)
        if not isinstance(found, dict):
            return {}
        return {name: options for name, options in found.items() if isinstance(options, dict)}

    def put(self, key: Key, value: object, *, name: str | None = None) -> None:
        """Set a value of the tree's first level or one dependency; what was there before is forgotten."""
        self._names = {known: text for known, text in self._names.items() if known[: len(key)] != key}
        match key:
            case ("dependencies", str(dependency)):
                self._dependencies[dependency] = value
                self.values[DEPENDENCIES] = self._dependencies
            case (str(first),):
                self.values[first] = value
        if name is not None:
            self.call(key, name)

    def call(self, key: Key, name: str) -> None:
        """Name a value by where the user wrote it, such as its environment variable."""
        self._names[key] = name

    def name(self, key: Key) -> str:
        return self._names.get(key) or dotted(key)

    def leaf(self, key: Key) -> str:
        """The short name of a value, for the second half of a sentence."""
        return self._names.get(key) or dotted(key[-1:])

    def complain(self, where: Key | str, text: str) -> None:
        """Note a mistake; only the first about the same place is kept, the others follow from it."""
        place = where if isinstance(where, str) else self.name(where)
        self._errors.setdefault(where, one_line(f"{place}: {text}"))
