"""Read from a path which recipient it is about."""

from __future__ import annotations

from app.http.request import ApiRequest
from engine.errors import InvalidInput, NotFound
from engine.recipients.ids import check_id
from engine.recipients.references import check_collection
from storage.records import TENANTS, USERS, RecipientRef


def user_ref(request: ApiRequest) -> RecipientRef:
    """Give the user of a path."""
    return RecipientRef(USERS, request.params["user_id"])


def tenant_ref(request: ApiRequest) -> RecipientRef:
    """Give the tenant of a path."""
    return RecipientRef(TENANTS, request.params["id"])


def object_ref(request: ApiRequest) -> RecipientRef:
    """Give the object of a path; tenants are objects, users are not.

    Raises:
        NotFound: the path names users as a collection.
    """
    collection = request.params["collection"]
    if collection == USERS:
        raise NotFound("Users are reached under /v1/users, not as a collection of objects")
    return RecipientRef(collection, request.params["id"])


def recipient_ref(request: ApiRequest) -> RecipientRef:
    """Give the user or the object of a path that exists for both."""
    return user_ref(request) if "user_id" in request.params else object_ref(request)


def writable(ref: RecipientRef) -> RecipientRef:
    """Pass a reference through that may be stored.

    Raises:
        InvalidInput: its id or collection is not a legal one.
    """
    faults = (check_id(ref.id, "id"), check_collection(ref.collection, "collection"))
    problems = [fault for fault in faults if fault is not None]
    if problems:
        raise InvalidInput(problems=problems)
    return ref
