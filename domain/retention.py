"""How long each kind of data is kept: the rules, their defaults, and the vendor's own periods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, NamedTuple

from domain.durations import parse

LONGEST: Final = timedelta(days=36_500)


class Rule(NamedTuple):
    """What is kept for `period` after which moment; `least` is the shortest period that may be set."""

    name: str
    meaning: str
    period: timedelta
    least: timedelta = timedelta()


_DAY = timedelta(days=1)

RULES: Final[Mapping[str, Rule]] = {
    rule.name: rule
    for rule in (
        Rule("webhook_bodies", "raw webhooks of payment providers, after they came, once processed", 30 * _DAY, _DAY),
        Rule("sign_ins", "log-in sessions, after their end", timedelta()),
        Rule("invitations", "invitations that were not accepted, after their end", timedelta()),
        Rule("revoked_keys", "names of API keys, after they were revoked", 365 * _DAY),
        Rule("mail_log", "what was sent to whom, after it was sent", 365 * _DAY, 7 * _DAY),
        Rule("sandbox_mails", "mails that the sandbox caught", 30 * _DAY),
        Rule("delivery_log", "webhooks that were delivered or given up, after that", 30 * _DAY, 4 * _DAY),
        Rule("delivery_answers", "what endpoints answered", 7 * _DAY),
        Rule("session_callers", "address, program and names of who took a seat, after the session began", 90 * _DAY),
        Rule("stored_answers", "answers to requests with an Idempotency-Key, after their 24 hours", timedelta()),
        Rule("call_rates", "counters of callers, after all calls are back", timedelta()),
        Rule("exports", "exports that were made, after they were asked for", 7 * _DAY, _DAY),
        Rule("invoices", "the words on invoices and credit notes, after they came", 3650 * _DAY, 365 * _DAY),
        Rule("usage_records", "usage records, after their month; what they count stays", 3 * 365 * _DAY, 400 * _DAY),
        Rule("deletions", "that somebody was erased, after that", 3 * 365 * _DAY),
    )
}


def periods(text: str) -> dict[str, timedelta]:
    """Every rule's period, with those that `text` sets (`webhook_bodies=P14D,mail_log=P90D`). `ValueError` that says
    what to do for a rule that there is not, a period that is none, or one that is too short."""
    found = {rule.name: rule.period for rule in RULES.values()}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name not in RULES:
            raise ValueError(f"names {name!r}: there are {', '.join(RULES)}")
        found[name] = _period(RULES[name], value)
    return found


def _period(rule: Rule, value: str) -> timedelta:
    try:
        period = parse(value)
    except ValueError as error:
        raise ValueError(f"{rule.name}: {error}; use days, such as P30D") from None
    if not rule.least <= period <= LONGEST:
        raise ValueError(f"{rule.name}: use a period from P{rule.least.days}D to P{LONGEST.days}D")
    return period
