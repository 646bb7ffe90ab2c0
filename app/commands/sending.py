"""`trigger`, `inbox` and `runs`: cause messages and look at what came of it."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from app.commands.client import Client
from app.commands.context import (
    EnvironmentOption,
    Failed,
    TokenOption,
    UrlOption,
    client_for,
    out,
)
from storage.ids import run_id
from storage.records import USERS

_ENDED: Final = ("completed", "cancelled")
_POLL_SECONDS: Final = 0.3
# An object with subscribers has no run of its own: its subscribers have.
_PATIENCE_SECONDS: Final = 20.0
_CATCH_ALL: Final = "catch_all"
_FEED: Final = "in_app_feed"
_MOST_PAGES: Final = 10
_TAG: Final = re.compile(r"<[^>]*>")
_BREAK: Final = re.compile(r"(?i)<(?:br|/?(?:p|div|h\d|li|td|tr|ul|ol|blockquote))\b[^>]*>")

# `trigger` has --data for the payload, as the API calls it; the folder then is --folder.
_FOLDER_HELP: Final = "Data folder; else TOCSIN_DATA, else ./data"
FolderOption = Annotated[Path | None, typer.Option("--folder", help=_FOLDER_HELP)]
EitherFolderOption = Annotated[Path | None, typer.Option("--data", "--folder", help=_FOLDER_HELP)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(trigger)
    app.command()(inbox)
    app.command()(runs)


def trigger(
    key: Annotated[str, typer.Argument(help="Workflow key")],
    recipient: Annotated[
        list[str], typer.Option("--recipient", "-r", help="User id or collection:id; repeatable")
    ],
    data: Annotated[str, typer.Option("--data", "-d", help="Trigger data, a JSON object")] = "{}",
    tenant: Annotated[str | None, typer.Option(help="Tenant id")] = None,
    actor: Annotated[str | None, typer.Option(help="User id of who caused it")] = None,
    environment: EnvironmentOption = "development",
    wait: Annotated[
        bool, typer.Option("--wait", help="Print the timeline until every run has ended")
    ] = False,
    folder: FolderOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """Trigger a workflow on the running server and print the run id.

    Example: `tocsin trigger welcome --recipient ann --data '{"plan": "pro"}' --wait`
    """
    people = [_reference(text) for text in recipient]
    body: dict[str, Any] = {"recipients": people, "data": _json_object(data)}
    body |= {"tenant": tenant} if tenant else {}
    body |= {"actor": _reference(actor)} if actor else {}
    client = client_for(folder, environment, url, token)
    answer = client.post(f"/v1/workflows/{quote(key, safe='')}/trigger", body)
    out.print(answer["workflow_run_id"])
    if wait:
        _follow_runs(client, answer["workflow_run_id"], people)


def _reference(text: str) -> Any:
    collection, colon, id_ = text.partition(":")
    return {"collection": collection, "id": id_} if colon else text


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        hint = "; the data folder is --folder here" if Path(text).is_dir() else ""
        raise typer.BadParameter(f"--data is not JSON: {error}{hint}") from None
    if not isinstance(value, dict):
        raise typer.BadParameter('--data must be a JSON object, such as {"plan": "pro"}')
    return value


def _follow_runs(client: Client, trigger_id: str, people: list[Any]) -> None:
    """Print each recipient's timeline as it grows, until all have ended."""
    names = {}
    for person in people:
        pair = (USERS, person) if isinstance(person, str) else (person["collection"], person["id"])
        names[run_id(trigger_id, *pair)] = pair[1]
    printed = dict.fromkeys(names, 0)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while names:
        for id_, name in list(names.items()):
            run = client.find(f"/v1/workflow_recipient_runs/{id_}")
            if run is None:
                if time.monotonic() > deadline:
                    raise Failed(
                        f"No run of {name} began: `tocsin runs` lists those that did. A workflow "
                        "that runs once for each recipient makes no second run."
                    )
                continue
            events = run.get("events", [])
            for event in events[printed[id_] :]:
                out.print(_event_line(event, name))
            printed[id_] = len(events)
            if run["status"] in _ENDED:
                out.print(f"{name}: {run['status']}")
                del names[id_]
        time.sleep(_POLL_SECONDS if names else 0)


def _event_line(event: dict[str, Any], name: str) -> str:
    at = str(event.get("inserted_at", ""))[11:19]
    step = event.get("step_ref") or ""
    details = event.get("data") or {}
    shown = ", ".join(f"{k}={v}" for k, v in details.items() if isinstance(v, str | int | float))
    mark = "[red]error[/] " if event.get("status") == "error" else ""
    kind = escape(str(event.get("event")))
    return f"{at}  {escape(name)}  {mark}{kind}  {step}  [dim]{escape(shown)}[/]"


def inbox(
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on printing what comes in")
    ] = False,
    environment: EnvironmentOption = "development",
    limit: Annotated[int, typer.Option(min=1, max=50, help="How many to show")] = 20,
    folder: EitherFolderOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """Show the messages that stay on this server: caught instead of sent, and in feeds.

    Example: `tocsin inbox --follow`
    """
    client = client_for(folder, environment, url, token)
    seen: set[str] = set()
    for message in reversed(_kept_here(client, limit)):
        seen.add(message["id"])
        _print_message(client, message)
    if not seen and not follow:
        out.print("The inbox is empty: `tocsin trigger KEY --recipient ID` puts something into it.")
    while follow:
        time.sleep(1.0)
        for message in reversed(_kept_here(client, 50)):
            if message["id"] not in seen:
                seen.add(message["id"])
                _print_message(client, message)


def _kept_here(client: Client, limit: int) -> list[dict[str, Any]]:
    """Give the newest messages that no provider took, newest first."""
    kept: list[dict[str, Any]] = []
    query: dict[str, str | int] = {"page_size": 50}
    for _ in range(_MOST_PAGES):
        page = client.get("/v1/messages", **query)
        kept += [m for m in page["items"] if _stays(m.get("channel") or {})]
        after = page["page_info"]["after"]
        if len(kept) >= limit or not after:
            break
        query["after"] = after
    return kept[:limit]


def _stays(channel: dict[str, Any]) -> bool:
    return channel.get("provider") == _CATCH_ALL or channel.get("type") == _FEED


def _print_message(client: Client, message: dict[str, Any]) -> None:
    recipient = message["recipient"]
    person = (
        recipient if isinstance(recipient, str) else f"{recipient['collection']}:{recipient['id']}"
    )
    content = client.find(f"/v1/messages/{message['id']}/content") or {}
    out.print(
        f"{message['inserted_at'][:19]}  [bold]{message['channel']['key']}[/]  {escape(person)}  "
        f"{message['status']}  {escape(_headline(content.get('data') or {}))}"
    )


def _headline(content: dict[str, Any]) -> str:
    if content.get("method"):  # a webhook: its body begins with a brace
        return f"{str(content['method']).upper()} {content.get('url')}"[:100]
    template = content.get("template") or {}  # of a chat message
    blocks = [*(content.get("blocks") or ()), *(template.get("blocks") or ())]
    texts = [
        *(content.get(name) for name in ("subject_line", "subject", "title", "body", "text_body")),
        template.get("summary"),
        *(_plain(block.get("rendered") or block.get("content")) for block in blocks),
    ]
    found = (text.strip() for text in texts if isinstance(text, str) and text.strip())
    return next((text.splitlines()[0][:100] for text in found), "")


def _plain(markup: Any) -> str:
    """Give the text of a block, which is HTML in feeds."""
    return " ".join(unescape(_TAG.sub("", _BREAK.sub(" ", str(markup or "")))).split())


def runs(
    id: Annotated[str | None, typer.Argument(help="A recipient run's id")] = None,
    environment: EnvironmentOption = "development",
    folder: EitherFolderOption = None,
    url: UrlOption = None,
    token: TokenOption = None,
) -> None:
    """List the newest recipient runs, or show the timeline of one.

    Example: `tocsin runs 5f0a3c1e-7c43-5c2f-9a43-0d8c1f2f6a10`
    """
    client = client_for(folder, environment, url, token)
    if id is None:
        out.print(_run_table(client.get("/v1/workflow_recipient_runs", page_size=25)["items"]))
        return
    run = client.find(f"/v1/workflow_recipient_runs/{quote(id, safe='')}")
    if run is None:
        raise Failed(f"There is no run {id} in {environment}; `tocsin runs` lists the newest.")
    out.print(f"{run['workflow']}  {_person(run)}  {run['status']}  {run['inserted_at'][:19]}")
    for line in _timeline(run):
        out.print(line)


def _timeline(run: dict[str, Any]) -> Iterator[str]:
    for event in run.get("events", []):
        yield _event_line(event, _person(run))


def _person(run: dict[str, Any]) -> str:
    recipient = run.get("recipient")
    if isinstance(recipient, dict):
        return str(recipient.get("id"))
    return str(recipient)


def _run_table(items: list[dict[str, Any]]) -> Table:
    table = Table("id", "workflow", "recipient", "status", "started", box=None, pad_edge=False)
    for run in items:
        table.add_row(
            run["id"], run["workflow"], _person(run), run["status"], run["inserted_at"][:19]
        )
    return table
