"""Operations on many rows: how far one has come."""

from __future__ import annotations

from app.api.message_shapes import instant
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from app.http.routing import SECRET, route
from engine.errors import NotFound
from storage import bulk_operations
from storage.bulk_operations import BulkOperation
from storage.records import JsonObject


@route("GET", "/v1/bulk_operations/{id}", callers=SECRET, tier=4)
async def get_bulk_operation(request: ApiRequest) -> Response:
    """Return one operation."""
    found = bulk_operations.get(request.sql, request.environment, request.params["id"])
    if found is None:
        raise NotFound
    return json_response(bulk_operation(found))


def bulk_operation(found: BulkOperation) -> JsonObject:
    """Write an operation as the API shows it."""
    return {
        "__typename": "BulkOperation",
        "id": found.id,
        "name": found.name,
        "status": found.status.value,
        "estimated_total_rows": found.estimated_total_rows,
        "processed_rows": found.processed_rows,
        "success_count": found.success_count,
        "error_count": found.error_count,
        "error_items": list(found.error_items),
        "progress_path": f"/v1/bulk_operations/{found.id}",
        "inserted_at": instant(found.inserted_at),
        "updated_at": instant(found.updated_at),
        "started_at": instant(found.started_at),
        "completed_at": instant(found.completed_at),
        "failed_at": instant(found.failed_at),
    }
