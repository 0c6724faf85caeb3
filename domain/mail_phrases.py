"""What the sentences about mails, reminders and cards are made of."""

from __future__ import annotations

from domain import phrases as say
from domain.mail_address import Cause, Suppression
from domain.payment_facts import Card
from domain.reminders import Occasion, Reminder

_OCCASIONS = {
    Occasion.TRIAL_END: "the trial's end",
    Occasion.RENEWAL: "the next period",
    Occasion.END: "the end",
    Occasion.CARD_EXPIRY: "a card's end",
}


def reminders(planned: tuple[Reminder, ...]) -> str:
    told = [f"on {say.when(each.at)} of {_OCCASIONS[each.occasion]}" for each in planned]
    return (
        f"The customer is to be reminded {say.listed(told)}" if told else "There is nothing to remind the customer of"
    )


def card(of: Card) -> str:
    return f"{(of.brand or 'a card').capitalize()} {of.method}"


_SUPPRESSED = {
    Cause.REFUSED: "the mail server refuses it",
    Cause.BOUNCED: "a mail came back",
    Cause.COMPLAINED: "its reader called a mail spam",
    Cause.BY_HAND: "somebody said so",
}


def suppressed(suppression: Suppression) -> str:
    code = f" ({suppression.code})" if suppression.code else ""
    return f": {_SUPPRESSED[suppression.cause]}{code}"
