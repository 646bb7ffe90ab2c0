"""Write the Python source of one template, with no text of the template in it.

Whatever a template says, names and texts and numbers alike, goes into a table of
constants and is mentioned by its number. The source consists of nothing but what
the compiler itself wrote, so no template can smuggle Python into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

# Above, compiling takes longer than it saves.
_MAX_CHARACTERS: Final = 160_000
_PLAIN: Final = (str, int, float)


class Unsupported(Exception):
    """Say that the compiler leaves this template to the interpreter, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """Name the Python variables of one loop that surrounds the code at hand."""

    name: str
    item: str
    place: str
    length: str
    title: str


class Source:
    """Collect lines, constants and names of variables."""

    def __init__(self, filters: Mapping[str, Any], *, html: bool, kept: bool) -> None:
        """Start an empty function; values are escaped in `html`, and set aside if `kept`."""
        self.filters = filters
        self.html = html
        self.kept = kept
        self.constants: dict[str, object] = {}
        self.loops: list[Loop] = []
        self.output: str | None = "w"
        self.changes = False
        self._numbers: dict[tuple[type, object], str] = {}
        self._lines: list[str] = []
        self._depth = 1
        self._names = 0
        self._characters = 0
        self._written = 0

    def text(self) -> str:
        """Return the source so far."""
        return "\n".join(self._lines)

    def constant(self, value: object) -> str:
        """Return the name that stands for a value."""
        key = (type(value), value) if type(value) in _PLAIN else (object, id(value))
        # `0.0 == -0.0`, but they print differently.
        if isinstance(value, float):
            key = (float, repr(value))
        name = self._numbers.get(key)
        if name is None:
            name = self._numbers[key] = f"k{len(self.constants)}"
            self.constants[name] = value
        return name

    def variable(self, kind: str = "t") -> str:
        """Return a name that nothing else in this source has."""
        self._names += 1
        return f"{kind}{self._names}"

    def line(self, text: str) -> None:
        """Add a line; raises when there is too much."""
        self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            raise Unsupported("the template is too long")
        self._lines.append(f"{' ' * self._depth}{text}")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Put what is written meanwhile under a head such as `if …:`."""
        self.settle()
        self.line(head)
        self._depth += 1
        before = len(self._lines)
        yield
        self.settle()
        if len(self._lines) == before:
            self.line("pass")
        self._depth -= 1

    @contextmanager
    def writing(self, output: str | None) -> Iterator[None]:
        """Send what is printed meanwhile elsewhere, or nowhere."""
        self.settle()
        before, self.output = self.output, output
        yield
        self.settle()
        self.output = before

    def write(self, text: str) -> None:
        """Print a text of the template."""
        if self.output is not None and text:
            self.line(f"{self.output}({self.constant(text)})")
            self._written += len(text)

    def write_variable(self, name: str) -> None:
        """Print the text in a variable; what was printed must not pass the limit."""
        if self.output is None:
            raise Unsupported("something is printed in a blank block")
        more, self._written = self._written, 0
        self.line(f"n += len({name}) + {more}" if more else f"n += len({name})")
        self.line("if n > M: raise Over")
        self.line(f"{self.output}({name})")

    def settle(self) -> None:
        """Count what was printed, before the code takes one way or another."""
        if self._written:
            self.line(f"n += {self._written}")
            self._written = 0
