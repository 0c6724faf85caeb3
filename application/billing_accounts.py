"""Whose a payment provider's customer is, and what moves when that turns out to be somebody else."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from application.work import Work
from domain.billing_account import Basis, BillingAccount
from domain.credit_note import CreditNote
from domain.ids import billing_account_id, organization_id_for
from domain.invoice import Invoice
from domain.organization import Organization
from domain.payment import Payment
from domain.provider_facts import Contact, Seen
from domain.subscription import Subscription

if TYPE_CHECKING:
    from adapters.invoice_papers import InvoicePapers
    from application.entitling import Entitling
    from application.organizations import Organizations


class BillingAccounts:
    """A customer belongs to the organization that was named at checkout, else to the one of a person who proved the
    customer's address, else to one that is made for it.

    An address that nobody proved does not count: anybody could register somebody else's and receive their licences.
    """

    def __init__(self, organizations: Organizations, papers: InvoicePapers, entitling: Entitling) -> None:
        self._organizations = organizations
        self._papers = papers
        self._entitling = entitling

    def account(
        self,
        work: Work,
        provider: str,
        customer: str,
        seen: Seen,
        now: datetime,
        *,
        contact: Contact = Contact(),
        named: UUID | None = None,
    ) -> BillingAccount:
        """The customer's account, opened or given to a better owner; a newer address is put on file."""
        owner, basis = self._claim(work, provider, customer, contact, named)
        account = work.find(BillingAccount, billing_account_id(provider, customer))
        if account is None:
            account = self._open(work, provider, customer, owner, basis, seen, now)
        else:
            self._link(work, account, owner, basis, seen.at, now)
        known = contact.email and account.learn_contact(is_own=contact.is_own, seen=seen, now=now)
        if known and account.basis is Basis.DERIVED:
            work.rows += self._organizations.put_on_file(
                account.organization_id, email=contact.email, name=contact.name, now=now
            )
        return account

    def hand_over(self, work: Work, adopted: Organization, owner: UUID, *, proven_at: datetime, now: datetime) -> None:
        """A person proved the address of a customer for whom an organization was made: what it has is `owner`'s,
        another organization or that very one."""
        if adopted.adopted_from is None or adopted.merged_into is not None:
            return
        account = work.fetch(BillingAccount, billing_account_id(*adopted.adopted_from))
        self._link(work, account, owner, Basis.EMAIL, proven_at, now)

    def _claim(
        self, work: Work, provider: str, customer: str, contact: Contact, named: UUID | None
    ) -> tuple[UUID, Basis]:
        if named is not None and work.find(Organization, named):
            return named, Basis.EXPLICIT
        if contact.email and (verified := self._organizations.of_verified_address(contact.email)):
            return verified, Basis.EMAIL
        return organization_id_for(provider, customer), Basis.DERIVED

    def _open(
        self, work: Work, provider: str, customer: str, owner: UUID, basis: Basis, seen: Seen, now: datetime
    ) -> BillingAccount:
        if basis is Basis.DERIVED:
            work.add(Organization.adopt(id=owner, provider=provider, customer=customer, now=now))
        return work.add(
            BillingAccount.open(
                provider=provider,
                customer=customer,
                organization_id=owner,
                basis=basis,
                linked_at=seen.at,
                now=now,
            )
        )

    def _link(
        self, work: Work, account: BillingAccount, owner: UUID, basis: Basis, linked_at: datetime, now: datetime
    ) -> None:
        was_made_for_it = account.basis is Basis.DERIVED and account.organization_id != owner
        former = work.fetch(Organization, account.organization_id) if was_made_for_it else None
        if former is not None and former.members and basis is Basis.EMAIL:
            return  # the vendor has let somebody in there, who is not to lose it to an address
        if not account.link(owner, basis=basis, linked_at=linked_at, now=now):
            return
        if former is not None and not former.members:
            former.merge(into=owner, now=now)
            work.rows.append(self._organizations.take_off_file(former.id))
            work.rows.append(self._organizations.hand_usage_over(former.id, owner))
        self._move(work, account, now)

    def _move(self, work: Work, account: BillingAccount, now: datetime) -> None:
        for invoice_id in account.invoices:
            self._move_invoice(work, invoice_id, account.organization_id, now)
        for payment_id in account.payments:
            work.fetch(Payment, payment_id).transfer(account.organization_id, now=now)
        for subscription_id in account.subscriptions:
            subscription = work.fetch(Subscription, subscription_id)
            subscription.transfer(account.organization_id, now=now)
            self._entitling.settle(work, subscription, now)

    def _move_invoice(self, work: Work, invoice_id: UUID, organization_id: UUID, now: datetime) -> None:
        """With its payments, credit notes, and the words on their papers."""
        invoice = work.fetch(Invoice, invoice_id)
        invoice.transfer(organization_id, now=now)
        for payment_id in invoice.payments:
            work.fetch(Payment, payment_id).transfer(organization_id, now=now)
        for credit_note_id in invoice.credit_notes:
            work.fetch(CreditNote, credit_note_id).transfer(organization_id, now=now)
        work.rows += [self._papers.move(paper, organization_id) for paper in (invoice_id, *invoice.credit_notes)]
