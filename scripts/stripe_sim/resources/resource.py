"""What every resource of the API has in common: its place in the client, retrieving, listing, metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from scripts.stripe_sim.agenda import Due
from scripts.stripe_sim.errors import NotThere, Refused
from scripts.stripe_sim.ledger import Json, Ledger
from scripts.stripe_sim.listing import Filter, fitting, paged
from scripts.stripe_sim.operations import Operation
from scripts.stripe_sim.parameters import Given
from scripts.stripe_sim.searching import searched

if TYPE_CHECKING:
    from scripts.stripe_sim.api import Api

F = TypeVar("F", bound=Callable[..., Json])


class Answering(NamedTuple):
    """Which operation a method answers, and the parameters that it does not ignore."""

    operation: str | Operation
    accepts: frozenset[str]


def answers(operation: str | Operation, *, accepts: str = "") -> Callable[[F], F]:
    """The method answers an operation of the client (`customers.create`): it is called with the ids of the path and the
    judged parameters, and gives the object. `accepts` names the parameters it heeds, with dots for what is below;
    any other is refused as not simulated."""

    def marked(act: F) -> F:
        act.answering = Answering(operation, frozenset(accepts.split()))  # type: ignore[attr-defined]
        return act

    return marked


class Part:
    """A part of Stripe's behaviour over the account's ledger; the other parts are found through `api`."""

    def __init__(self, ledger: Ledger, api: Api) -> None:
        self.ledger = ledger
        self.api = api


class Resource(Part):
    """`kind` is its objects' `object`, `service` its place in the client. `generic` names what needs no code of its
    own; `filters` are those of a list that do not just compare a field."""

    kind: ClassVar[str]
    service: ClassVar[str]
    generic: ClassVar[tuple[str, ...]] = ("retrieve", "list")
    filters: ClassVar[Mapping[str, Filter]] = {}
    rank: ClassVar[int] = 5
    """Of what falls due in the same moment, the lower rank comes first."""

    def due(self, thing: Json) -> Iterable[Due]:
        """What will happen to the object by itself, as things stand."""
        return ()

    def get(self, id: str, param: str = "id") -> Json:
        """The object itself; `NotThere` also for a deleted one."""
        found = self.ledger.get(self.kind, id, param)
        if found.get("deleted"):
            raise NotThere(self.kind, id, param)
        return found

    def listed(self) -> Sequence[Json]:
        """What a list is made of, the newest first."""
        return [thing for thing in reversed(self.ledger.all(self.kind)) if not thing.get("deleted")]

    def retrieve(self, id: str, given: Given) -> Json:
        return self.ledger.get(self.kind, id)

    def list(self, given: Given) -> Json:
        return paged(fitting(self.listed(), given, self.filters), given, self.url)

    def search(self, given: Given) -> Json:
        return searched(self.listed(), given, f"{self.url}/search")

    @property
    def url(self) -> str:
        return f"/v1/{self.service.replace('.', '/')}"


def copy_fields(thing: Json, given: Mapping[str, Any], fields: str) -> None:
    """Take these fields over as they are given; an empty text unsets one, metadata is merged."""
    for field in fields.split():
        if field in given:
            value = given[field]
            thing[field] = merged(thing[field], value) if field == "metadata" else None if value == "" else value


def merged(metadata: Mapping[str, str], given: Mapping[str, str] | str) -> dict[str, str]:
    """Keys that are given replace, keys with an empty text go, an empty text in place of all keys clears."""
    together = {**metadata, **given} if isinstance(given, Mapping) else {}
    if len(together) > 50:
        raise Refused("You can only have up to 50 metadata keys.", param="metadata")
    return {key: value for key, value in together.items() if value != ""}


def either(given: Mapping[str, Any], *names: str) -> None:
    """Refuse a request that gives two of these parameters."""
    both = [name for name in names if given.get(name) is not None]
    if len(both) > 1:
        raise Refused(f"You may only specify one of these parameters: {', '.join(both)}.", param=both[1])


def require(given: Mapping[str, Any], name: str) -> Any:
    """A parameter that this use of the operation cannot do without."""
    if name not in given:
        raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
    return given[name]
