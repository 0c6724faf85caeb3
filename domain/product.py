"""Something the vendor sells: plans are sold for it, licence keys begin with its prefix."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from domain import ids
from domain.aggregate import Aggregate, Created
from domain.mail_kinds import problems_of_choice
from domain.problems import Problem, check_code, check_name, refuse

_PREFIX = re.compile(r"[A-Z][A-Z0-9]{1,9}")


def check_prefix(path: str, prefix: str) -> Iterator[Problem]:
    if not _PREFIX.fullmatch(prefix):
        yield Problem(path, "must be 2 to 10 of A-Z and 0-9, beginning with a letter")


class Product(Aggregate):
    """A product under its code, which never changes."""

    TOPIC = "product"

    if TYPE_CHECKING:
        code: str
        name: str
        license_key_prefix: str
        mails_off: tuple[str, ...]  # kinds of mail that its customers are not sent
        free_plan: str | None  # of organizations without a licence that works
        anonymous_plan: str | None  # of subjects that are nobody's

    @classmethod
    def register(cls, *, code: str, name: str, license_key_prefix: str, now: datetime) -> Product:
        """`InvalidRequest` when code, name or prefix are not sane."""
        refuse(
            [
                *check_code("code", code),
                *check_name("name", name),
                *check_prefix("license_key_prefix", license_key_prefix),
            ]
        )
        return cls.begin(
            cls.Registered,
            id=ids.product_id(code),
            now=now,
            code=code,
            name=name,
            license_key_prefix=license_key_prefix,
        )

    def rename(self, name: str, *, now: datetime) -> None:
        refuse(check_name("name", name))
        if name != self.name:
            self.record(self.Renamed, now=now, name=name)

    def change_prefix(self, license_key_prefix: str, *, now: datetime) -> None:
        """For keys made from now on; keys that exist keep what they begin with."""
        refuse(check_prefix("license_key_prefix", license_key_prefix))
        if license_key_prefix != self.license_key_prefix:
            self.record(self.PrefixChanged, now=now, license_key_prefix=license_key_prefix)

    def choose_mails(self, off: Iterable[str], *, now: datetime) -> None:
        """Which kinds of mail (domain/mail_kinds.py) its customers are not sent from now on."""
        mails_off = tuple(sorted(off))
        refuse(problems_of_choice("mails", mails_off))
        if mails_off != self.mails_off:
            self.record(self.MailsChosen, now=now, off=mails_off)

    def set_default_plans(self, *, free_plan: str | None, anonymous_plan: str | None, now: datetime) -> None:
        """Plans of this product that need no purchase."""
        if (free_plan, anonymous_plan) != (self.free_plan, self.anonymous_plan):
            self.record(self.DefaultPlansSet, now=now, free_plan=free_plan, anonymous_plan=anonymous_plan)

    class Registered(Created):
        TOPIC = "product.registered"
        code: str
        name: str
        license_key_prefix: str

        def apply(self, product: Product) -> None:
            product.code = self.code
            product.name = self.name
            product.license_key_prefix = self.license_key_prefix
            product.mails_off = ()
            product.free_plan = product.anonymous_plan = None

    class Renamed(Aggregate.Event):
        TOPIC = "product.renamed"
        name: str

        def apply(self, product: Product) -> None:
            product.name = self.name

    class PrefixChanged(Aggregate.Event):
        TOPIC = "product.prefix_changed"
        license_key_prefix: str

        def apply(self, product: Product) -> None:
            product.license_key_prefix = self.license_key_prefix

    class MailsChosen(Aggregate.Event):
        TOPIC = "product.mails_chosen"
        off: tuple[str, ...]

        def apply(self, product: Product) -> None:
            product.mails_off = self.off

    class DefaultPlansSet(Aggregate.Event):
        TOPIC = "product.default_plans_set"
        free_plan: str | None
        anonymous_plan: str | None

        def apply(self, product: Product) -> None:
            product.free_plan = self.free_plan
            product.anonymous_plan = self.anonymous_plan
