"""Collect filters and fence them: limits on arguments and results, no odd errors."""

from __future__ import annotations

from collections.abc import Callable
from decimal import InvalidOperation
from functools import partial, wraps
from typing import Any, Final

from liquid.exceptions import FilterArgumentError, LiquidError, ResourceLimitError, UndefinedError
from liquid.undefined import Undefined

from engine.liquid.faults import DATA_ERRORS
from engine.liquid.limits import MAX_OUTPUT, check_result
from engine.liquid.values import StrictMissing, to_text

Filter = Callable[..., Any]

FILTERS: Final[dict[str, Filter]] = {}
# The library prints booleans, nil and mappings as Python does before it works on them.
_ON_TEXT: Final = frozenset(
    {
        *("append", "prepend", "capitalize", "downcase", "upcase", "escape", "escape_once"),
        *("escapejs", "safe", "newline_to_br", "strip", "lstrip", "rstrip", "squish"),
        *("strip_html", "strip_newlines", "truncate", "truncatewords", "split"),
        *("remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last"),
        *("url_encode", "url_decode", "base64_encode", "base64_decode"),
        *("base64_url_safe_encode", "base64_url_safe_decode"),
        *("titlecase", "md5", "sha256", "hmac_sha256", "from_markdown", "compare_versions"),
    }
)
_TEXT_ARGUMENTS: Final = frozenset(
    {
        *("append", "prepend", "split"),
        *("remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last"),
        *("hmac_sha256", "compare_versions"),
    }
)


def filter(name: str) -> Callable[[Filter], Filter]:  # reads as the house style's @filter
    """Register a function as the filter `name`."""

    def add(function: Filter) -> Filter:
        if name in FILTERS:
            raise ValueError(f"two filters are named {name!r}; rename one")
        FILTERS[name] = function
        return function

    return add


def fenced(name: str, function: Filter, environment: object) -> Filter:
    """Wrap a filter so that no argument makes it misbehave.

    Whatever Python raises becomes an argument error with the filter's name, and
    a result past the limits is refused.
    """
    if getattr(function, "with_environment", False):
        function = _with_keyword(function, environment)
    refuses_missing = name != "default"
    on_text, text_arguments = name in _ON_TEXT, name in _TEXT_ARGUMENTS

    @wraps(function)
    def run(value: object, *args: Any, **kwargs: Any) -> Any:
        if refuses_missing:
            # The commonest filters take microseconds: a call less is noticed.
            if type(value) is StrictMissing:
                raise value.refuse()
            if args or kwargs:
                refuse_missing(*args, *kwargs.values())
        if on_text and not isinstance(value, str):
            value = to_text(value)
        if text_arguments:
            args = tuple([a if isinstance(a, str) else to_text(a) for a in args])
        try:
            result = function(value, *args, **kwargs)
        except (UndefinedError, ResourceLimitError, FilterArgumentError):
            raise
        except LiquidError as error:
            raise FilterArgumentError(f"{name}: {error.message}", token=None) from error
        except InvalidOperation as error:
            raise FilterArgumentError(f"{name}: expected numbers", token=None) from error
        except DATA_ERRORS as error:
            raise FilterArgumentError(f"{name}: {error}", token=None) from error
        if type(result) is not float and (not isinstance(result, str) or len(result) > MAX_OUTPUT):
            check_result(result, name)
        return result

    run.with_context = getattr(function, "with_context", False)  # type: ignore[attr-defined]  # read by the context
    return run


def refuse_missing(*values: object) -> None:
    """Raise for a strict missing value that is about to be used."""
    for value in values:
        # Asking for the class of an abstract one is slow, and nothing derives from this one.
        if type(value) is StrictMissing:
            raise value.refuse()


def argument(message: str) -> FilterArgumentError:
    """Build the error for a value or argument a filter cannot use."""
    return FilterArgumentError(message, token=None)


def is_missing(value: object) -> bool:
    """Say whether a value is nil or undefined."""
    return value is None or isinstance(value, Undefined)


def _with_keyword(function: Filter, environment: object) -> Filter:
    bound = partial(function, environment=environment)
    bound.__doc__ = function.__doc__
    if getattr(function, "with_context", False):
        bound.with_context = True  # type: ignore[attr-defined]  # read by `fenced`
    return bound
