"""The contract oracle: would Stripe send this object? Judged by the annotations of the installed `stripe` package."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from stripe import ListObject
from stripe._stripe_object import UntypedStripeObject

from scripts.stripe_sim.annotations import class_named, fields_of, subject_of

SCALARS: dict[Any, tuple[type, ...]] = {int: (int,), str: (str,), bool: (bool,), float: (int, float)}


class ContractBreach(AssertionError):
    """An object differs from Stripe's contract. Says where: `invoice.lines.data[0].pricing.price: missing`."""

    def __init__(self, path: str, what: str):
        super().__init__(f"{path}: {what}")
        self.path, self.what = path, what


def check(thing: Any, *, open_enums: bool = False) -> None:
    """Raise ContractBreach unless `thing` (JSON as dicts) is a complete object of the current API version.

    Every field must be known, every field that is not optional present, every value of its declared type, at every
    depth. An event's `data.object` must be a full object of the kind that its `type` is about.
    `open_enums` also accepts values that the documented enums do not list, as clients must (Stripe adds values).
    """
    _Check(open_enums).top(thing)


class _Check:
    def __init__(self, open_enums: bool):
        self.open_enums = open_enums

    def top(self, thing: Any) -> None:
        cls = _class_of(thing, "object")
        self.object(thing, cls, thing["object"])
        if thing["object"] == "event":
            self.event(thing)

    def event(self, event: dict[str, Any]) -> None:
        about, path = event["data"]["object"], "event.data.object"
        cls = _class_of(about, path)
        if cls is not (subject_of(event["type"]) or cls):
            raise ContractBreach(path, f"{event['type']} is not about {_show(about['object'])}")
        self.object(about, cls, path)
        for field in event["data"].get("previous_attributes") or {}:
            if field not in fields_of(cls):
                raise ContractBreach(f"event.data.previous_attributes.{field}", "unknown field")

    def object(self, value: Any, cls: type, path: str) -> None:
        if not isinstance(value, dict):
            raise ContractBreach(path, f"expected an object, found {_show(value)}")
        hints = fields_of(cls)
        for field in value:
            if field not in hints:
                raise ContractBreach(f"{path}.{field}", "unknown field")
        deleted = value.get("deleted") is True
        for field, hint in hints.items():
            if field in value:
                self.value(value[field], hint, f"{path}.{field}")
            elif not deleted and type(None) not in get_args(hint):
                raise ContractBreach(f"{path}.{field}", "missing")

    def value(self, value: Any, hint: Any, path: str) -> None:
        origin = get_origin(hint)
        if hint is Any:
            return
        if origin in (Union, UnionType):
            self.one_of(value, get_args(hint), path)
        elif origin is Literal:
            self.literal(value, hint, path)
        elif origin is list:
            self.list(value, get_args(hint)[0], path)
        elif origin is UntypedStripeObject:
            self.mapping(value, get_args(hint)[0], path)
        elif origin is not None and issubclass(origin, ListObject):
            self.page(value, get_args(hint)[0], path)
        elif hint is Decimal:
            self.decimal(value, path)
        elif hint in SCALARS:
            self.scalar(value, hint, path)
        else:
            self.object(value, hint, path)

    def one_of(self, value: Any, options: tuple[Any, ...], path: str) -> None:
        if value is None and type(None) in options:
            return
        options = tuple(option for option in options if option is not type(None))
        enums = [option for option in options if get_origin(option) is Literal]
        if enums:
            open_enum = self.open_enums and str in options
            self.value(value, str if open_enum else enums[0], path)
        elif isinstance(value, dict):
            self.value(value, _option_for(value, options, path), path)
        else:
            self.value(value, next((option for option in options if option in SCALARS), options[0]), path)

    def literal(self, value: Any, hint: Any, path: str) -> None:
        allowed = get_args(hint)
        if not any(value == each and type(value) is type(each) for each in allowed):
            known = ", ".join(map(str, allowed[:8])) + (", …" if len(allowed) > 8 else "")
            raise ContractBreach(path, f"{_show(value)} is not one of {known}")

    def list(self, value: Any, hint: Any, path: str) -> None:
        if not isinstance(value, list):
            raise ContractBreach(path, f"expected a list, found {_show(value)}")
        for at, each in enumerate(value):
            self.value(each, hint, f"{path}[{at}]")

    def mapping(self, value: Any, hint: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise ContractBreach(path, f"expected an object, found {_show(value)}")
        for key, each in value.items():
            self.value(each, hint, f"{path}.{key}")

    def page(self, value: Any, hint: Any, path: str) -> None:
        if not isinstance(value, dict) or value.get("object") != "list":
            raise ContractBreach(path, f'expected {{"object": "list"}}, found {_show(value)}')
        for field, kind in (("data", list[hint]), ("has_more", bool), ("url", str)):
            if field not in value:
                raise ContractBreach(f"{path}.{field}", "missing")
            self.value(value[field], kind, f"{path}.{field}")

    def decimal(self, value: Any, path: str) -> None:
        """Decimals travel as strings."""
        try:
            Decimal(value if isinstance(value, str) else "not a string")
        except InvalidOperation:
            raise ContractBreach(path, f"expected a decimal string, found {_show(value)}") from None

    def scalar(self, value: Any, hint: Any, path: str) -> None:
        if not isinstance(value, SCALARS[hint]) or (isinstance(value, bool) and hint is not bool):
            raise ContractBreach(path, f"expected {hint.__name__}, found {_show(value)}")


def _option_for(value: dict[str, Any], options: tuple[Any, ...], path: str) -> Any:
    """Which class of a union an expanded object is: by its `object`, or the only class there is."""
    classes = [option for option in options if option not in SCALARS]
    if len(classes) == 1:
        return classes[0]
    for cls in classes:
        if getattr(cls, "OBJECT_NAME", None) == value.get("object"):
            return cls
    raise ContractBreach(path, f"unexpected {value.get('object', 'object')!r}")


def _class_of(thing: Any, path: str) -> type:
    kind = thing.get("object") if isinstance(thing, dict) else None
    cls = class_named(kind) if isinstance(kind, str) else None
    if cls is None:
        raise ContractBreach(
            path, f"not a Stripe object: {_show(thing)}" if kind is None else f"unknown kind {_show(kind)}"
        )
    return cls


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
