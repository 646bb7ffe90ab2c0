"""Words for what the code names but does not describe.

A description beside the declaration in the code wins; this is for fields whose
names are fixed by the wire, and for statuses, events, reasons and codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from engine.steps import delay, http_fetch, throttle, trigger_workflow


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():g}"


# Form of a field where its annotation says less than a reader needs; `owner.name` or `name`.
FORMS: Final[Mapping[str, str]] = {
    "batch_window": "duration",
    "batch_window_extension_limit": "duration",
    "delay_for": "duration",
    "throttle_window": "duration",
    "batch_until_field_path": "path",
    "delay_until_field_path": "path",
    "throttle_window_field_path": "path",
    "batch_key": "path or Liquid",
    "throttle_key": "path or Liquid",
    "update_data.data": "object or Liquid",
    "update_properties": "object or Liquid",
    "settings.allowed_networks": "list, in a variable with commas",
    "headers": "list of `{key, value}`, or JSON text",
    "query_params": "list of `{key, value}`, or JSON text",
    "import": "list of paths",
    "imports": "list of paths",
    "users": "list of tables",
    "environments": "list of tables",
    "service_tokens": "list of tables",
    "channels": "list of tables",
    "channel.environments": "tables by environment",
    "channel.id": "UUID",
}

# Meaning of a field; `owner.name` or `name`.
MEANINGS: Final[Mapping[str, str]] = {
    # steps
    "channel_key": "Key of the channel that this step sends through",
    "channel_group_key": "Instead of a channel, the key of a group; groups do not work yet",
    "template": "The message: texts in Liquid, see below",
    "channel_overrides": "Fields of the channel that this step replaces, in Liquid",
    "batch_key": "Keeps batches apart: one batch for each recipient and value",
    "batch_window": "How long the batch stays open after its first activity; with a path, the "
    "offset from the instant found there",
    "batch_until_field_path": "Path to the instant, duration or window rule at which it closes",
    "batch_window_type": "`sliding` moves the end with each new activity",
    "batch_window_extension_limit": "How far from its opening a sliding window may be moved; "
    "required for one",
    "batch_order": "Whether templates get the oldest (`asc`) or the newest (`desc`) activities",
    "batch_items_max_limit": "Close as soon as so many activities are in",
    "batch_items_render_limit": "How many activities templates get; totals count all",
    "batch_execution_mode": "`flush_leading` lets the first run through at once and collects "
    "what follows",
    "workflow_version_mode": "Whether the run goes on with the version it began with (`pinned`) "
    "or with the newest that still has the step (`latest`)",
    "delay_for": f"How long to wait, {delay.LONGEST.days} days at most; with a path, the offset "
    "from the instant found there, which may be negative",
    "delay_until_field_path": "Path to the instant, duration or window rule to wait for",
    "throttle_window": "Length of the window, counted from the first pass; "
    f"{throttle.LONGEST.days} days at most",
    "throttle_window_field_path": "Path to the window's end or length, instead of a fixed one",
    "throttle_limit": "How many runs pass in a window",
    "throttle_key": "Keeps throttles apart: one for each recipient and value",
    "method": "HTTP method",
    "url": "Address, in Liquid",
    "headers": "Headers, values in Liquid",
    "query_params": "Parameters that are added to the address, values in Liquid",
    "body": "Body as JSON text, in Liquid; only for post, put and patch",
    "response_path": "Where in `data` the answer is put; if empty, its keys are merged into `data`",
    "update_data.data": "What is merged into the run's data: an object with Liquid in its values, "
    "or Liquid that renders to a JSON object",
    "workflow_key": "Key of the workflow to start, in Liquid",
    "trigger_workflow.recipients": "Who gets it: an id, or the JSON of a list or object as in a "
    "trigger call; the run's own recipient if left out",
    "trigger_workflow.actor": "Its actor, an id or JSON; the run's own if left out",
    "trigger_workflow.tenant": "Its tenant, an id or JSON; the run's own if left out",
    "trigger_workflow.data": "Its data, Liquid that renders to a JSON object; the run's own if "
    "left out",
    "trigger_workflow.cancellation_key": "Its cancellation key; the run's own if left out",
    "recipient_mode": "`current` updates the run's own one, `reference` the one that is named",
    "recipient_gid": "Whom to update, as `gid://Object/<collection>/<id>`, in Liquid; users are in "
    "`$users`, tenants in `$tenants`",
    "update_properties": "What is merged: an object with Liquid in its values, or Liquid that "
    "renders to a JSON object",
    "http_fetch.signing_key": "The request is signed with it in `x-knock-signature`; in Liquid",
    # bootstrap file
    "bootstrap.imports": "Project folders, relative to this file; imported and committed into "
    "`development` whenever their content changed",
    "bootstrap.account": "The account",
    "bootstrap.users": "People who may sign in",
    "bootstrap.environments": "Environments with their keys and variables",
    "bootstrap.service_tokens": "Tokens for the management API, which is not there yet",
    "bootstrap.channels": "Channels and their settings in each environment",
    "account.name": "Name of the account",
    "account.timezone": "Time zone of recipients who have none",
    "user.email": "Address to sign in with",
    "user.password": "Password; give this or `password_hash`",
    "user.password_hash": "Argon2id hash of the password",
    "user.role": "What they may do",
    "user.name": "Their name",
    "environment.key": "Key of the environment, as in addresses and exports",
    "environment.name": "Name for people",
    "environment.secret_keys": "Secret API keys that must work",
    "environment.public_keys": "Public API keys that must work",
    "environment.signing_keys": "Public halves (PEM) of the RS256 keys that sign user tokens",
    "environment.enhanced_security": "Ask for a user token beside every public key",
    "environment.variables": "Variables that templates read as `vars.NAME`",
    "environment.secret_variables": "The same, sealed with the master key",
    "service_token.name": "What the token is for",
    "service_token.token": "The token itself",
    "channel.id": "Fixed id; without it one is made. It cannot change later",
    "channel.key": "Key that steps name",
    "channel.type": "Channel type",
    "channel.name": "Name for people",
    "channel.provider": "Provider in every environment that names no other",
    "channel.environments": "Settings for each environment",
    "channel_environment.provider": "Provider in this environment",
    "channel_environment.sandbox": "Make messages and do not send them",
    "channel_environment.settings": "Settings of the provider, and `from_address`, `from_name`, "
    "`reply_to_address`, `cc_address`, `bcc_address` of e-mail channels",
    "channel_environment.conditions": "Conditions that hold for every step that uses the channel",
}

VARIABLES: Final[Mapping[str, str]] = {
    "TOCSIN_CONFIG": "The TOML file with settings.",
    "TOCSIN_URL": "Server that `trigger`, `inbox` and `runs` talk to, as `--url` would say.",
    "TOCSIN_KEY": "Secret key for that server, as `--token` would say.",
    "TOCSIN_FAULT": "For tests: the named point at which a process kills itself.",
    "TOCSIN_CHROMIUM": "For tests: the browser to use.",
    "TOCSIN_REQUIRE_BROWSER": "For tests: fail rather than skip where there is no browser.",
}

_UPDATE: Final = (
    "Objects are merged at any depth, lists are replaced whole, `null` is stored, nothing is "
    "removed; `preferences` by set id are merged too. Later steps see the new values. "
    "`channel_data` is ignored with a warning. The timeline shows what was touched, before "
    "and after."
)

STEPS: Final[Mapping[str, str]] = {
    "branch": "Instead of settings it has `branches`: a list of arms, each with `name`, "
    "`conditions` and `steps`. The first arm whose conditions hold is taken. The last arm has no "
    "conditions and is the default; it may be empty.",
    "random_cohort": "Instead of settings it has `cohort_branches`: a list of cohorts, each with "
    "`name`, `percentage` (one decimal at most, all together exactly 100) and `steps`; with "
    "`terminates: true` the run ends after them. `cohort_key` beside it is a path or a template; "
    "without one, or where it gives nothing, the recipient's id counts. The same key always lands "
    "in the same cohort of a step, in every version; changing the percentages may move it.",
    "http_fetch": f"A request may take {_seconds(http_fetch.TIMEOUT)} seconds. It is tried again "
    f"after {' and '.join(map(_seconds, http_fetch.RETRY_DELAYS))} seconds when the server answers "
    "5xx, does not answer or cannot be reached; any other answer than 200, 201 and 204 ends the "
    "run with the reason `step_failed`. The answer is recorded: a run that goes on after a crash "
    "does not repeat a request that was answered.",
    "update_data": "Top-level keys are replaced whole, also where both are objects. A value in an "
    "object that is a template becomes what its text is in JSON (`5`, `true`), and stays text "
    "where it is no JSON. An undefined variable is an error here, which ends the run: use the "
    "`default` filter where a value may be missing.",
    "update_user": f"{_UPDATE} A run for an object has no user of its own to update: the step is "
    "skipped with an error in the timeline.",
    "update_object": _UPDATE,
    "update_tenant": f"{_UPDATE} A tenant's default preferences are in `settings.preference_set`. "
    "Without a tenant the run skips the step.",
    "trigger_workflow": "Acts as a trigger call of the newest committed version: its conditions, "
    "frequency, data schema, followers and preferences apply, and `trigger_source.type` is "
    "`workflow_step`. `sandbox_mode` and `skip_delay` of the call are handed on. A setting that is "
    "left out is the run's own, one that renders to nothing is absent. The run does not wait for "
    "what it starts, and each is cancelled by itself. A target that is missing, archived or not "
    "active skips the step; a template that does not render, data that is refused or no recipients "
    f"end the run. Workflows start each other {trigger_workflow.DEEPEST} levels deep at most.",
    "channel:email": "Template: `subject`, and one of `html_body` or `visual_blocks`; `text_body` "
    "is made from them if it is missing. Goes to the recipient's `email`.",
    "channel:in_app_feed": "Template: `markdown_body`, `action_url`, `action_buttons` (up to two, "
    "each with `label` and `action`). The message is delivered the moment it is stored.",
    "channel:sms": "Template: `text_body`. Goes to the recipient's `phone_number`.",
    "channel:push": "Template: `title` and `text_body`, or `settings.delivery_type: silent`. One "
    "message for each device in the recipient's channel data.",
    "channel:chat": "Template: `markdown_body` or `json_body`, and `summary`. One message for each "
    "connection in the recipient's channel data.",
    "channel:http": "Template: `method`, `url`, `headers`, `query_params`, `body`. Without a "
    "template the channel's own request is used. See "
    "[Call a webhook](../how-to/webhooks.md) for its signature.",
}

PROVIDERS: Final[Mapping[str, str]] = {
    "catch_all": "Nothing leaves the server; the message stays in the inbox page and in "
    "`tocsin inbox`.",
    "smtp": "How to set it up: [Send through SMTP](../how-to/smtp.md).",
    "webhook": "A request may take 50 seconds. 401, 403, 404 and 405 are final, other refusals are "
    "tried again. Every attempt carries the message's id as `idempotency-key`. Only `https` "
    "addresses are called, except in networks that the operator has opened. How to verify the "
    "signature: [Call a webhook](../how-to/webhooks.md).",
}

RUNS: Final[Mapping[str, str]] = {
    "queued": "Accepted; no step has been looked at yet.",
    "processing": "Steps are being executed, or one waits for the answer of a request.",
    "paused": "It waits for an instant or for a batch to close.",
    "completed": "It has ended; the timeline says how.",
    "cancelled": "It was ended from outside.",
}

DELIVERY: Final[Mapping[str, str]] = {
    "queued": "It waits for its next attempt.",
    "sent": "The provider took it.",
    "delivered": "It reached the recipient.",
    "delivery_attempted": "An attempt failed.",
    "undelivered": "It was given up.",
    "not_sent": "It was made in sandbox mode, and not sent for that reason.",
    "bounced": "The address is dead.",
}

SIGNALS: Final[Mapping[str, str]] = {
    "sent": "the provider takes it",
    "delivered": "it arrives",
    "attempt_failed": "an attempt fails",
    "gave_up": "it is given up",
    "bounced": "the address turns out to be dead",
    "requeued": "another attempt is due",
}

ENGAGEMENT: Final[Mapping[str, str]] = {
    "seen": "It was shown.",
    "read": "It was opened.",
    "interacted": "A button or the message itself was clicked.",
    "link_clicked": "A link in it was followed.",
    "archived": "It was put away.",
}

ACTIONS: Final[Mapping[str, str]] = {
    "seen": "It was marked as seen.",
    "unseen": "That was taken back.",
    "read": "It was marked as read.",
    "unread": "That was taken back.",
    "interacted": "The reader did something with it.",
    "link_clicked": "A link in it was followed.",
    "archived": "It was put away.",
    "unarchived": "It was taken out again.",
}

EVENTS: Final[dict[str, str]] = {
    "run_started": "The run was looked at for the first time.",
    "trigger_conditions_evaluated": "The workflow's own conditions were checked; with each value.",
    "trigger_frequency_reached": "The workflow runs once for a recipient, and it already had.",
    "step_started": "A step was entered.",
    "conditions_evaluated": (
        "Conditions of a step, its channel or a preference were checked; with each value."
    ),
    "step_completed": "A step is done.",
    "step_skipped": "A step was passed over; with the reason.",
    "step_paused": "A delay began; with the instant until which it lasts.",
    "step_retried": "A step failed and will be tried again.",
    "step_failed": "A step failed for good.",
    "branch_taken": "An arm of a branch was chosen; with the conditions that were tried.",
    "message_enqueued": "A message was made; with its id and channel.",
    "throttle_passed": "A throttle let the run through.",
    "throttle_reached": "A throttle stopped the run.",
    "batch_opened": "The run opened a batch and waits until it closes.",
    "batch_held": "The run joined an open batch that nobody held, and waits for it.",
    "activity_batched": "What the run brought went into the batch of another run.",
    "batch_flushed_leading": "The run opened a batch and went on at once.",
    "batch_closed": "The batch closed and the run goes on; with what it collected.",
    "batch_warning": "The key or window of a batch could not be worked out.",
    "activity_cancelled": "What the run had brought was taken out of its batch.",
    "run_resumed": "A waiting run goes on.",
    "run_failed": "The run cannot be executed at all; with the cause. It is parked.",
    "run_retried": "A person let a parked run go on where it stopped; with who it was.",
    "run_completed": "The run has ended; with a reason if it ended early.",
    "run_cancelled": "The run was ended from outside; with the reason.",
}

# Reason: the event it stands in, and what it means.
REASONS: Final[Mapping[str, tuple[str, str]]] = {
    "activity_batched": (
        "run_completed",
        "Another run holds the batch and goes on for this one.",
    ),
    "batch_empty": ("run_cancelled", "Everything that its batch had collected was cancelled."),
    "cancellation_key": ("run_cancelled", "A cancel request named its key."),
    "channel_not_configured": (
        "step_skipped",
        "The channel does not exist here, is of another type, or has no provider in this "
        "environment.",
    ),
    "conditions_not_met": ("step_skipped", "Conditions of the step or its channel do not hold."),
    "invalid_window": (
        "step_skipped",
        "The instant or duration that the step should use is missing, malformed or past, or its "
        "key leads nowhere, does not render or is too long; the message says which.",
    ),
    "missing_recipient_data": (
        "step_skipped",
        "The recipient lacks what the channel needs: an address, a number, a device.",
    ),
    "missing_signing_key": ("step_skipped", "The webhook's signing key renders to nothing."),
    "setting_skip_delay": ("step_skipped", "The trigger asked for delays to be skipped."),
    "step_failed": ("run_completed", "A step failed for good; the entry before says why."),
    "step_removed": ("run_cancelled", "The step it waited in is not in the newest version."),
    "throttled": ("run_completed", "The throttle had let its number through already."),
    "trigger_conditions_not_met": ("run_completed", "The workflow's own conditions do not hold."),
    "trigger_frequency_reached": (
        "run_completed",
        "The workflow runs once for each recipient, and it already had.",
    ),
    "preference_opt_out": (
        "step_skipped",
        "Preferences switch it off; `decided_by` says whose, and which entry of them.",
    ),
    "target_workflow_unavailable": (
        "step_skipped",
        "The workflow that the step starts does not exist here, is archived or is not active.",
    ),
    "workflow_archived": ("run_cancelled", "The workflow was archived."),
    "workflow_inactive": ("run_cancelled", "The workflow was switched off."),
}

# Codes that are given where an error is raised: status, whether a retry makes sense, meaning.
CODES: Final[Mapping[str, tuple[int, bool, str]]] = {
    "api_key_missing": (401, False, "The key is unknown or was revoked."),
    "channel_invalid": (422, False, "Channel data does not suit the type of its channel."),
    "invalid_user_token": (
        401,
        False,
        "The user token is malformed, expired or badly signed.",
    ),
    "missing_jwt_signing_key": (401, False, "The environment has no key to verify tokens with."),
    "missing_user_token": (401, False, "A public key needs a user token in this environment."),
    "workflow_inactive": (422, False, "The workflow is switched off."),
    "workflow_missing": (404, False, "There is no committed workflow of that key here."),
}

# Where the docstring of an error speaks to who raises it rather than to who meets it.
ERRORS: Final[Mapping[str, str]] = {
    "internal_error": "Something went wrong on the server; the log has the cause.",
    "invalid_request": "The request cannot be served as it is.",
    "conflict": "Something else is changing the same thing just now.",
    "idempotency_mismatch": "The idempotency key was used before with another body.",
    "definition_invalid": "A workflow or a part of it is wrong; `errors` lists every fault.",
    "invalid_params": "Parameters are wrong; `errors` lists each with its path. With status 400: "
    "the body is not JSON.",
    "template_error": "A template does not parse or render.",
    "host_unresolved": "The host of a URL has no address.",
    "delivery_failed": "A provider did not take a message.",
}
