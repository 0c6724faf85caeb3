"""Money: integer minor units with a currency; exact fractions inside, one stated rounding at the edge.

The rounding is commercial: to the nearest minor unit, a half away from zero. A credit is therefore always the exact
mirror of the charge it takes back.

Minor units are counted as the payment providers count them (https://docs.stripe.com/currencies): ISO 4217, except
that Stripe keeps two decimals for ISK and UGX and none for MGA.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

_ALL = """
    aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn bzd cad cdf chf
    clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd hkd hnl htg
    huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad mdl mga
    mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd
    rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah ugx
    usd uyu uzs ves vnd vuv wst xaf xcd xcg xof xpf yer zar zmw zwg
"""
CURRENCIES = frozenset(_ALL.split())
_NO_DECIMALS = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
_THREE_DECIMALS = "bhd iqd jod kwd lyd omr tnd"


class CurrencyMismatch(ValueError):
    """Amounts of two currencies met: a defect of the caller, never something a customer did."""


@dataclass(frozen=True)
class Money:
    """`amount` in minor units (cents), below zero for a credit; `currency` is a lower-case ISO 4217 code."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.amount, bool) or not isinstance(self.amount, int):
            raise TypeError(f"an amount is a whole number of minor units, not {self.amount!r}")
        if not (len(self.currency) == 3 and self.currency.isascii() and self.currency.islower()):
            raise ValueError(f"a currency is three lower-case letters, not {self.currency!r}")

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + self._same(other).amount, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - self._same(other).amount, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.amount, self.currency)

    def times(self, factor: int | Fraction) -> Money:
        """This amount `factor` times, exact inside, rounded once: for a quantity, or for the part of a period."""
        return Money(_rounded(Fraction(factor) * self.amount), self.currency)

    def shares(self, weights: Sequence[int | Fraction]) -> tuple[Money, ...]:
        """Split in proportion to `weights` (not negative, not all zero); the shares always add up to this amount.

        Each share is within one minor unit of the exact one: cumulative sums are rounded, not the shares.
        """
        total = sum(map(Fraction, weights))
        if total <= 0 or any(weight < 0 for weight in weights):
            raise ValueError("weights must not be negative and not all zero")
        shares, given, reached = [], 0, Fraction(0)
        for weight in weights:
            reached += weight
            here = _rounded(self.amount * reached / total)
            shares.append(Money(here - given, self.currency))
            given = here
        return tuple(shares)

    @property
    def text(self) -> str:
        """For people and documents without a locale: `29.00 USD`, `-500 JPY`."""
        places = decimals(self.currency)
        sign = "-" if self.amount < 0 else ""
        whole, part = divmod(abs(self.amount), 10**places)
        return f"{sign}{whole:,}" + (f".{part:0{places}d}" if places else "") + f" {self.currency.upper()}"

    def _same(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.text} and {other.text} are not of one currency")
        return other


def decimals(currency: str) -> int:
    """Decimal places of a currency's minor unit: 0, 2 or 3."""
    return 0 if currency in _NO_DECIMALS else 3 if currency in _THREE_DECIMALS else 2


def _rounded(exact: Fraction) -> int:
    """To the nearest integer, a half away from zero."""
    magnitude = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return magnitude if exact >= 0 else -magnitude
