-- The words on invoices and credit notes that are, or may be, about a person: who it is addressed to, tax numbers, memos.
-- The log has the figures and lines; what is deleted here is erased, and history stays whole. Written in the transaction
-- of the report that brought them.
create table invoice_papers (
    paper_id        uuid primary key,      -- an invoice or a credit note
    organization_id uuid  not null,
    words           jsonb not null
);
create index invoice_papers_of_organization on invoice_papers (organization_id);

-- Which invoice a payment pays is a fact of the payment's own stream now.
drop table provider_payments;
