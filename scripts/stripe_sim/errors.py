"""What Stripe answers instead of an object: the kinds of errors, in its words and codes."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class Refused(Exception):
    """A request that Stripe refuses: HTTP `status` and its `error` object. Mostly nothing was changed."""

    status = 400
    type = "invalid_request_error"
    kept = True
    """Whether the answer is kept under the request's idempotency key: not when the request never began."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None, **more: Any):
        super().__init__(message)
        documented = f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}" if code else None
        about = {"code": code, "doc_url": documented, "param": param, **more}
        self.error: Json = {"message": message, "type": self.type}
        self.error |= {field: value for field, value in about.items() if value is not None}


class NotThere(Refused):
    """`No such subscription: 'sub_…'`: 404 for an id in the path, 400 for one in a parameter."""

    def __init__(self, kind: str, id: str, param: str = "id"):
        super().__init__(f"No such {kind.replace('_', ' ')}: '{id}'", code="resource_missing", param=param)
        self.status = 404 if param == "id" else 400


class Unjudged(Refused):
    """A request whose parameters do not fit the operation; it never began."""

    kept = False


class NotSimulated(Unjudged):
    """Stripe knows this, the stand-in does not."""

    def __init__(self, what: str):
        super().__init__(f"The stand-in for Stripe does not know {what}; Stripe does.", code="not_simulated")


class Unauthorized(Unjudged):
    status = 401


class Unrecognized(Unjudged):
    status = 404

    def __init__(self, method: str, path: str):
        super().__init__(
            f"Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at"
            " https://support.stripe.com/."
        )


class CardError(Refused):
    """A payment method was declined, or wants its owner; what was tried is kept on the intent."""

    status = 402
    type = "card_error"


class KeyReused(Unjudged):
    """An idempotency key that stands for another request."""

    type = "idempotency_error"


class Conflict(Unjudged):
    """A request with this idempotency key is being answered right now."""

    status = 409
    type = "idempotency_error"


class RateLimited(Unjudged):
    status = 429

    def __init__(self) -> None:
        super().__init__("Request rate limit exceeded. Try again later.", code="rate_limit")


class Failed(Refused):
    """Something broke on Stripe's side; whether the request took effect is not known to the caller."""

    status = 500
    type = "api_error"


class Unavailable(Failed):
    """Stripe is away for a moment; the request never began."""

    status = 503
    kept = False
