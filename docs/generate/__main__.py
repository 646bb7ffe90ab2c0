"""Write the reference, or with `--check` fail if it is not what the code says."""

from __future__ import annotations

import sys

from docs.generate import stale, write_pages


def main(arguments: list[str]) -> int:
    """Return 0 if the reference is up to date now, 1 if a check found it stale."""
    if arguments == ["--check"]:
        for name in (names := stale()):
            sys.stderr.write(f"docs/reference/{name} is stale: run `python -m docs.generate`.\n")
        return 1 if names else 0
    if arguments:
        sys.stderr.write("Expected no argument or --check: python -m docs.generate [--check]\n")
        return 2
    for name in write_pages():
        sys.stdout.write(f"docs/reference/{name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
