"""Checks the values of a config against the annotations of what they build, so that a wrong one is named by its key."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fxstyle.errors import InputError

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", NoneType: "null"}


def check_arguments(target: Callable[..., Any], values: Mapping[str, Any], section: str) -> None:
    """Check plain values for the arguments of a class or function.

    Only numbers, texts, booleans and lists are judged, and only by their kind: ranges and choices are the target's.

    Raises:
        InputError: With the key of the first value of a wrong kind, or of an argument that does not exist.
    """
    parameters = inspect.signature(target).parameters
    if not isinstance(values, Mapping):
        raise InputError(f"{section} must hold keys ({', '.join(parameters)}), not {values!r}")
    known = [name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD]
    if len(known) == len(parameters) and (unknown := [name for name in values if name not in known]):
        raise InputError(
            f"config section '{section}' cannot be built: it has no key {unknown[0]!r}; choose from {', '.join(known)}"
        )
    try:
        hints = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except (NameError, TypeError):  # names that only type checkers import
        return
    for name, value in values.items():
        optional = value is None and name in parameters and parameters[name].default is None
        if name in hints and not optional and not _fits(value, hints[name]):
            kinds = list(dict.fromkeys(_kinds(hints[name])))
            if "a number" in kinds and "a whole number" in kinds:
                kinds.remove("a whole number")
            if kinds:
                raise InputError(f"{section}.{name} must be {' or '.join(kinds)}, not {value!r}")


def _fits(value: Any, hint: Any) -> bool:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return any(_fits(value, part) for part in inner)
    if origin is Literal:
        return any(type(value) is type(choice) for choice in inner)
    if not isinstance(value, (bool, int, float, str, list, NoneType)):
        return True
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and not math.isnan(value)
    if hint in _WORDS:
        return type(value) is hint
    if isinstance(value, list):
        return not inner or all(_fits(part, inner[0]) for part in value)
    # A single value where the target wants an object or a list, unless it takes anything.
    return origin is None and not inspect.isclass(hint)


def _kinds(hint: Any) -> Iterator[str]:
    """What may be given, in words; objects, which no value stands for, are left out."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        for part in inner:
            yield from _kinds(part)
    elif origin is Literal:
        yield from (repr(choice) for choice in inner)
    elif hint in _WORDS:
        yield _WORDS[hint]
    elif origin is not None and len(inner) == 1 and inner[0] in _WORDS:
        yield f"a list of {_WORDS[inner[0]].removeprefix('a ')}s"
