"""Plans and catalogues as JSON-ready documents in the words of the catalogue file (contract §4).

Every field is written, also where it is the default, so a document means the same when a default changes.
"""

from __future__ import annotations

from dataclasses import asdict

from domain.catalog import CatalogFile, ProductEntry
from domain.documents import Document, entitlements_document, meter_document, notices_document, price_document
from domain.plan import PlanTerms
from domain.vendor import Identity


def catalog_document(file: CatalogFile) -> Document:
    """What `adapters.catalog_file.read` reads back to an equal `CatalogFile`."""
    meters = [{"code": meter.code, **meter_document(meter.terms)} for meter in file.meters]
    vendor = {"vendor": vendor_document(file.vendor)} if file.vendor else {}
    return {
        "version": 1,
        **vendor,
        "products": [product_document(product) for product in file.products],
        **({"meters": meters} if meters else {}),
        "plans": [plan_document(plan.code, plan.product, plan.terms) for plan in file.plans],
    }


def vendor_document(vendor: Identity) -> Document:
    return {**asdict(vendor), "address": list(vendor.address), "tax_ids": list(vendor.tax_ids)}


def product_document(product: ProductEntry) -> Document:
    return {
        "code": product.code,
        "name": product.name,
        "license_key_prefix": product.license_key_prefix,
        "mails": dict.fromkeys(product.mails_off, False),
        "free_plan": product.free_plan,
        "anonymous_plan": product.anonymous_plan,
    }


def plan_document(code: str, product: str, terms: PlanTerms) -> Document:
    """One plan as an entry of the file's `plans`."""
    return {
        "code": code,
        "product": product,
        "name": terms.name,
        "trial_days": terms.trial_days,
        "entitlements": entitlements_document(terms.entitlements),
        "prices": [price_document(price) for price in terms.prices],
        "notices": notices_document(terms.notices),
    }
