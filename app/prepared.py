"""What preparing a data folder found out, in a form that passes between processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import orjson


@dataclass(slots=True, kw_only=True)
class Prepared:
    """What a start found out that people should read; `sample` is the demo's sign-in and keys."""

    notes: list[str] = field(default_factory=list)
    setup_token: str | None = None
    sample: dict[str, str] = field(default_factory=dict)

    def as_line(self) -> bytes:
        """Spell it as one line."""
        return orjson.dumps(asdict(self))

    @classmethod
    def from_line(cls, line: bytes) -> Prepared:
        """Read what `as_line` spelt."""
        return cls(**orjson.loads(line))
