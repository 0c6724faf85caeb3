"""Mails: what was sent, sending it again, and addresses that mails come back from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

import typer

from scripts.commands.engine import Data, Json, engine
from scripts.commands.output import answer, fields, table

app = typer.Typer(help="Mails to customers and users.")

_COLUMNS = ("id", "kind", "status", "organization_id", "recipient", "language", "attempts", "error", "noted_at")
Id = Annotated[UUID, typer.Argument(metavar="ID", help="The mail.", show_default=False)]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it stays in the history for ever.", show_default=False)]


@app.command(name="list")
def list_mails(
    organization: Annotated[UUID | None, typer.Option(help="To this organization.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(help="Such as license_issued.", show_default=False)] = None,
    status: Annotated[
        str | None,
        typer.Option(help="claimed, sent, delayed, failed, uncertain, suppressed or unsubscribed.", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 25,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """The mails, newest first; never what they said."""
    from domain.mail_kinds import MailKind
    from domain.notice import MailStatus

    _one_of(MailKind, kind, "--kind")
    _one_of(MailStatus, status, "--status")
    with engine(data) as services:
        found = services.mail_log.list(organization_id=organization, kind=kind, status=status, limit=limit)
    rows = [_mail(each) for each in found]
    answer(rows, as_json, lambda rows: table(rows, _COLUMNS, empty="There is none."))


@app.command()
def resend(mail_id: Id, reason: Reason, data: Data = None, as_json: Json = False) -> None:
    """Send it once more, to the reader's address of today and with what is to be said today."""
    with engine(data) as services:
        shown = {"id": services.resending.resend(mail_id, reason=reason), "resent": mail_id}
    answer(shown, as_json, fields)


@app.command()
def suppress(
    address: Address,
    cause: Annotated[str, typer.Option(help="bounced, complained or by_hand.")] = "by_hand",
    code: Annotated[str | None, typer.Option(help="Such as “550 5.1.1”.", show_default=False)] = None,
    mail: Annotated[UUID | None, typer.Option(help="The mail that met it.", show_default=False)] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Send nothing to an address any more."""
    from domain.mail_address import Cause

    _one_of((Cause.BOUNCED, Cause.COMPLAINED, Cause.BY_HAND), cause, "--cause")
    with engine(data) as services:
        shown = _address(services.mail_addresses.suppress(address, Cause(cause), code=code, mail_id=mail))
    answer(shown, as_json, fields)


@app.command()
def restore(address: Address, reason: Reason, data: Data = None, as_json: Json = False) -> None:
    """Send to an address again."""
    with engine(data) as services:
        shown = _address(services.mail_addresses.restore(address, reason=reason))
    answer(shown, as_json, fields)


@app.command()
def address(address: Address, data: Data = None, as_json: Json = False) -> None:
    """What may be sent to an address."""
    with engine(data) as services:
        shown = _address(services.mail_addresses.find(address))
    answer(shown, as_json, fields)


@app.command()
def preview(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Such as license_issued.", show_default=False)],
    language: Annotated[str, typer.Option(help="Such as de.")] = "en",
    html: Annotated[bool, typer.Option("--html", help="The page instead of the text.")] = False,
    as_json: Json = False,
) -> None:
    """A mail filled with nobody's data, on standard output; no engine is needed."""
    from adapters.emails.samples import preview as rendered
    from adapters.emails.speech import languages
    from domain.mail_kinds import MailKind

    _one_of(MailKind, kind, "KIND")
    _one_of(languages(), language, "--language")
    mail = rendered(MailKind(kind), language)
    whole = {"subject": mail.subject, "text": mail.text, "html": mail.html}
    answer(
        whole, as_json, lambda mail: print(mail["html"] if html else f"Subject: {mail['subject']}\n\n{mail['text']}")
    )


def _one_of(known: Iterable[str], given: str | None, hint: str) -> None:
    if given is not None and given not in (names := list(known)):
        raise typer.BadParameter(f"{given!r} is none of {', '.join(names)}", param_hint=hint)


def _mail(mail: Any) -> dict[str, Any]:
    return {
        "id": mail.message_id,
        "kind": mail.kind,
        "status": mail.status,
        "organization_id": mail.organization_id,
        "recipient": mail.recipient_subject,
        "language": mail.language,
        "attempts": mail.attempts,
        "error": mail.error_code,
        "noted_at": mail.noted_at,
        "sent_at": mail.sent_at,
    }


def _address(address: Any) -> dict[str, Any]:
    why = address.suppression if address else None
    return {
        "cause": why.cause if why else None,
        "code": why.code if why else None,
        "mail_id": why.mail_id if why else None,
        "declines_reminders": bool(address and address.declines_reminders),
    }
