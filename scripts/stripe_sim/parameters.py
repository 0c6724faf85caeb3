"""The contract oracle for requests: would Stripe take these parameters? Judged by the types of the `stripe` package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from typing_extensions import is_typeddict

from scripts.stripe_sim.errors import NotSimulated, Unjudged
from scripts.stripe_sim.operations import Parameter, parameters_of

Given = dict[str, Any]
"""Parameters of a request, in Python's types; lists are lists. An empty text where Stripe lets a field be unset."""


def judged(tree: Mapping[str, Any], parameters: Mapping[str, Parameter], under: str = "") -> Given:
    """The parameters in their declared types, from texts or from values of these types.

    Raises Unjudged as Stripe refuses them: unknown, missing, of another type, not one of the documented values.
    """
    for name in tree:
        if name not in parameters:
            param = _path(under, name)
            raise Unjudged(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)
    for name, parameter in parameters.items():
        if parameter.required and name not in tree:
            param = _path(under, name)
            raise Unjudged(f"Missing required param: {param}.", code="parameter_missing", param=param)
    return {
        name: _value(each, parameters[name].hint, _path(under, name)) for name, each in tree.items() if each is not None
    }


def refuse_unsimulated(given: Mapping[str, Any], accepts: frozenset[str], under: str = "") -> None:
    """Raises NotSimulated for a parameter that the stand-in would ignore: better refused than quietly not done.

    `accepts` holds names, with dots below them (`payment_settings.save_default_payment_method`); a name stands for
    everything below it.
    """
    for name, value in given.items():
        path = f"{under}.{name}" if under else name
        if path in accepts:
            continue
        below = [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Mapping)]
        if not below or not any(each.startswith(path + ".") for each in accepts):
            raise NotSimulated(f"the parameter `{path}`")
        for each in below:
            refuse_unsimulated(each, accepts, path)


def _value(value: Any, hint: Any, path: str) -> Any:
    options = _options(hint)
    if value == "" and "" in _literals(options):
        return ""
    if isinstance(value, Mapping | list):
        return _branch(value, options, path)
    return _leaf(value, options, path)


def _branch(value: Mapping[str, Any] | list[Any], options: list[Any], path: str) -> Any:
    for option in options:
        origin = get_origin(option)
        if is_typeddict(option) and isinstance(value, Mapping):
            return judged(value, parameters_of(option), path)
        if origin is list:
            each_hint = get_args(option)[0]
            return [_value(each, each_hint, f"{path}[{at}]") for at, each in enumerate(_elements(value, path))]
        if origin is dict and isinstance(value, Mapping):
            return {key: _value(each, get_args(option)[1], f"{path}[{key}]") for key, each in value.items()}
    raise _invalid("object" if isinstance(value, Mapping) else "array", path)


def _elements(value: Mapping[str, Any] | list[Any], path: str) -> Iterable[Any]:
    if isinstance(value, list):
        return value
    if not all(key.isdecimal() for key in value):
        raise _invalid("array", path)
    return [value[key] for key in sorted(value, key=int)]


def _leaf(value: Any, options: list[Any], path: str) -> Any:
    words = _literals(options) - {""}
    if value in words:
        return value
    for option in options:
        if option in _READERS:
            read = _READERS[option](value)
            if read is not None:
                return read
    if words:
        known = sorted(map(str, words))
        listed = f"{', '.join(known[:-1])}, or {known[-1]}" if len(known) > 1 else known[0]
        raise Unjudged(f"Invalid {path}: must be one of {listed}", param=path)
    if value == "":
        raise Unjudged(
            f"You passed an empty string for '{path}'. We assume empty values are an attempt to unset a parameter;"
            f" however '{path}' cannot be unset. You should remove '{path}' from your request or supply a non-empty"
            " value.",
            code="parameter_invalid_empty",
            param=path,
        )
    if str in options:
        return str(value)
    kind = next((_KINDS[option] for option in options if option in _KINDS), None)
    raise _invalid(kind or ("array" if any(get_origin(each) is list for each in options) else "object"), path, value)


def _integer(value: Any) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else ""
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() else None


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(value)


def _decimal(value: Any) -> Decimal | None:
    try:
        return Decimal(str(value)) if not isinstance(value, bool) else None
    except InvalidOperation:
        return None


def _float(value: Any) -> float | None:
    read = _decimal(value)
    return None if read is None else float(read)


_READERS: dict[Any, Any] = {int: _integer, bool: _boolean, float: _float, Decimal: _decimal}
_KINDS = {int: "integer", bool: "boolean", float: "decimal", Decimal: "decimal"}


def _options(hint: Any) -> list[Any]:
    if get_origin(hint) in (Union, UnionType):
        return [option for each in get_args(hint) for option in _options(each)]
    return [hint]


def _literals(options: list[Any]) -> set[Any]:
    return {word for option in options if get_origin(option) is Literal for word in get_args(option)}


def _path(under: str, name: str) -> str:
    return f"{under}[{name}]" if under else name


def _invalid(kind: str, path: str, value: Any = "") -> Unjudged:
    code = f"parameter_invalid_{kind}" if kind == "integer" else None
    return Unjudged(f"Invalid {kind}: {value}" if value != "" else f"Invalid {kind}", code=code, param=path)
