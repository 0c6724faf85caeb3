"""Stripe's operations as the installed `stripe` package has them: address, parameters, and what is answered."""

from __future__ import annotations

import inspect
import re
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib import import_module
from typing import Any, NamedTuple, get_args, get_type_hints

from scripts.stripe_sim.annotations import TypingImports

_SERVICES = "stripe._v1_services"
_REQUEST_OPTIONS = "stripe._request_options"
_REQUEST = re.compile(r'_request\(\s*"(?P<method>\w+)",\s*"(?P<path>[^"]+)"')
_ID = re.compile(r"\{\w+\}")


class Parameter(NamedTuple):
    hint: Any
    required: bool


class Operation:
    """`POST /v1/customers/{customer}`: what `client.v1.customers.update` sends."""

    def __init__(self, method: str, path: str, takes: Callable[[], type | None] = lambda: None):
        self.method, self.path = method, path
        self._takes = takes

    @cached_property
    def parameters(self) -> Mapping[str, Parameter]:
        """By name; resolved at the first request, for some of these types are thousands of lines."""
        takes = self._takes()
        return parameters_of(takes) if takes else {}

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return re.compile(_ID.sub(r"([^/]+)", self.path))


@cache
def operation(name: str) -> Operation:
    """The operation of a method of the client, such as `customers.create` or `checkout.sessions.expire`."""
    *services, method = name.split(".")
    module, service = _SERVICES, object
    for each in services:
        module, cls = import_module(module)._subservices[each]
        service = getattr(import_module(module), cls)
    act = getattr(service, method)
    return Operation(*_address(act), lambda: _takes(act, module))


@cache
def is_known(method: str, path: str) -> bool:
    """Whether the package can ask for this address at all."""
    return any(verb == method and re.fullmatch(_ID.sub(r"[^/]+", known), path) for verb, known in _known())


@cache
def parameters_of(takes: type) -> Mapping[str, Parameter]:
    """The fields of a parameters type, without what concerns the call and not the request (`api_key`, …)."""
    options = import_module(_REQUEST_OPTIONS)
    hints = get_type_hints(takes, localns=ChainMap(TypingImports(_REQUEST_OPTIONS), vars(options)))  # type: ignore
    required = takes.__required_keys__  # type: ignore[attr-defined]
    own = hints.keys() - options.RequestOptions.__annotations__.keys()
    return {name: Parameter(hint, name in required) for name, hint in hints.items() if name in own}


@cache
def _known() -> frozenset[tuple[str, str]]:
    acts = (act for service in _walk(_SERVICES) for act in vars(service).values() if inspect.isfunction(act))
    return frozenset(_address(act) for act in acts if _REQUEST.search(inspect.getsource(act)))


def _walk(module: str) -> Iterator[type]:
    for below, cls in getattr(import_module(module), "_subservices", {}).values():
        yield getattr(import_module(below), cls)
        yield from _walk(below)


def _takes(act: Any, module: str) -> type | None:
    hint = get_type_hints(act, localns=TypingImports(module)).get("params")
    return next((each for each in (get_args(hint) or [hint]) if each is not type(None)), None)


def _address(act: Any) -> tuple[str, str]:
    found = _REQUEST.search(inspect.getsource(act))
    if found is None:
        raise LookupError(f"{act.__qualname__} sends no request")
    return found["method"].upper(), found["path"]
