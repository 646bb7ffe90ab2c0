"""Create every table of the foundation.

Instants are INTEGER microseconds since 1970 UTC. Every table of product data
has the environment in its key. JSON is stored as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sqlite_utils import Database

_ACCOUNT: Final = """
CREATE TABLE environments (
  key TEXT PRIMARY KEY, name TEXT NOT NULL, position INTEGER NOT NULL DEFAULT 0,
  enhanced_security INTEGER NOT NULL DEFAULT 0, default_preferences TEXT NOT NULL DEFAULT '{}',
  inserted_at INTEGER NOT NULL);
CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL,
  timezone TEXT NOT NULL DEFAULT 'Etc/UTC', clock_anchor INTEGER,
  sending_paused INTEGER NOT NULL DEFAULT 0,
  inserted_at INTEGER NOT NULL);
CREATE TABLE variables (environment TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
  type TEXT NOT NULL DEFAULT 'public', updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment, key)) WITHOUT ROWID;
CREATE TABLE api_keys (hash TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, environment TEXT NOT NULL,
  kind TEXT NOT NULL, name TEXT NOT NULL, prefix TEXT NOT NULL, inserted_at INTEGER NOT NULL,
  revoked_at INTEGER) WITHOUT ROWID;
CREATE TABLE signing_keys (id TEXT PRIMARY KEY, environment TEXT NOT NULL, public_key TEXT NOT NULL,
  inserted_at INTEGER NOT NULL);
CREATE TABLE members (id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL DEFAULT '',
  role TEXT NOT NULL, password_hash TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0,
  failed_at INTEGER, inserted_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE TABLE sessions (hash TEXT PRIMARY KEY, member_id TEXT NOT NULL, inserted_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, address TEXT, agent TEXT) WITHOUT ROWID;
CREATE INDEX sessions_member ON sessions (member_id);
CREATE TABLE setup_links (hash TEXT PRIMARY KEY, inserted_at INTEGER NOT NULL,
  used_at INTEGER) WITHOUT ROWID;
CREATE TABLE audit (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL,
  action TEXT NOT NULL,
  environment TEXT, subject TEXT, detail TEXT, address TEXT);
CREATE TABLE channels (id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
  type TEXT NOT NULL,
  provider TEXT, inserted_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, archived_at INTEGER);
CREATE TABLE channel_settings (channel_id TEXT NOT NULL, environment TEXT NOT NULL, provider TEXT,
  is_sandbox INTEGER NOT NULL DEFAULT 0, settings TEXT NOT NULL DEFAULT '{}', sealed BLOB,
  conditions TEXT,
  updated_at INTEGER NOT NULL, PRIMARY KEY (channel_id, environment)) WITHOUT ROWID;
CREATE TABLE bootstrap_imports (path TEXT NOT NULL, environment TEXT NOT NULL,
  content_hash TEXT NOT NULL,
  applied_at INTEGER NOT NULL, PRIMARY KEY (path, environment)) WITHOUT ROWID;
"""

_DEFINITIONS: Final = """
CREATE TABLE workflows (environment TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL,
  version INTEGER, draft TEXT, draft_hash TEXT, draft_updated_at INTEGER,
  inserted_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, PRIMARY KEY (environment, key)) WITHOUT ROWID;
CREATE TABLE workflow_versions (environment TEXT NOT NULL, key TEXT NOT NULL,
  number INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE, definition TEXT NOT NULL, content_hash TEXT NOT NULL,
  author TEXT NOT NULL,
  message TEXT NOT NULL, inserted_at INTEGER NOT NULL, PRIMARY KEY (environment, key, number));
CREATE TABLE resources (environment TEXT NOT NULL, type TEXT NOT NULL, key TEXT NOT NULL,
  content TEXT NOT NULL,
  content_hash TEXT NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (environment, type,
  key)) WITHOUT ROWID;
CREATE TABLE project_files (environment TEXT NOT NULL, folder TEXT NOT NULL, key TEXT NOT NULL,
  path TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (environment, folder, key, path));
"""

_PEOPLE: Final = """
CREATE TABLE recipients (environment TEXT NOT NULL, collection TEXT NOT NULL, id TEXT NOT NULL,
  properties TEXT NOT NULL, inserted_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment, collection, id)) WITHOUT ROWID;
CREATE TABLE channel_data (environment TEXT NOT NULL, collection TEXT NOT NULL,
  recipient TEXT NOT NULL,
  channel_id TEXT NOT NULL, data TEXT NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment, collection, recipient, channel_id)) WITHOUT ROWID;
CREATE TABLE preference_sets (environment TEXT NOT NULL, collection TEXT NOT NULL,
  recipient TEXT NOT NULL,
  set_id TEXT NOT NULL, content TEXT NOT NULL, updated_at INTEGER NOT NULL,
  PRIMARY KEY (environment, collection, recipient, set_id)) WITHOUT ROWID;
CREATE TABLE subscriptions (seq INTEGER PRIMARY KEY, environment TEXT NOT NULL,
  object_collection TEXT NOT NULL, object_id TEXT NOT NULL,
  recipient_collection TEXT NOT NULL, recipient_id TEXT NOT NULL, properties TEXT NOT NULL,
  inserted_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
  UNIQUE (environment, object_collection, object_id, recipient_collection, recipient_id));
CREATE INDEX subscriptions_page ON subscriptions (environment, object_collection, object_id, seq);
CREATE INDEX subscriptions_recipient ON subscriptions (environment, recipient_collection,
  recipient_id, seq);
"""

_ENGINE: Final = """
CREATE TABLE triggers (id TEXT PRIMARY KEY, environment TEXT NOT NULL, workflow TEXT NOT NULL,
  version INTEGER NOT NULL, version_id TEXT NOT NULL, source_type TEXT NOT NULL, data TEXT NOT NULL,
  actor_collection TEXT, actor_id TEXT, tenant TEXT, cancellation_key TEXT, settings TEXT NOT NULL,
  pending TEXT, priority INTEGER NOT NULL, idempotency_key TEXT, body_hash BLOB, request_id TEXT,
  inserted_at INTEGER NOT NULL);
CREATE UNIQUE INDEX triggers_once ON triggers (environment, idempotency_key)
  WHERE idempotency_key IS NOT NULL;
CREATE INDEX triggers_pending ON triggers (priority, inserted_at) WHERE pending IS NOT NULL;
CREATE INDEX triggers_cancel ON triggers (environment, workflow, cancellation_key)
  WHERE cancellation_key IS NOT NULL;
CREATE INDEX triggers_workflow ON triggers (environment, workflow, inserted_at);
CREATE TABLE runs (id TEXT PRIMARY KEY, environment TEXT NOT NULL, partition INTEGER NOT NULL,
  trigger_id TEXT NOT NULL, workflow TEXT NOT NULL, version INTEGER NOT NULL,
  collection TEXT NOT NULL, recipient TEXT NOT NULL, tenant TEXT, status TEXT NOT NULL,
  phase TEXT NOT NULL,
  cursor TEXT, resume TEXT, state TEXT NOT NULL, attempt INTEGER NOT NULL,
  error_count INTEGER NOT NULL,
  wake_at INTEGER, ready_at INTEGER, priority INTEGER NOT NULL, lease_epoch INTEGER NOT NULL,
  lease_until INTEGER, row_version INTEGER NOT NULL, inserted_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, strikes INTEGER NOT NULL DEFAULT 0);
CREATE INDEX runs_ready ON runs (priority, environment, workflow, ready_at) WHERE phase = 'ready';
CREATE INDEX runs_suspect ON runs (ready_at) WHERE phase = 'ready' AND strikes > 0;
CREATE INDEX runs_leased ON runs (lease_until) WHERE phase = 'leased';
CREATE INDEX runs_trigger ON runs (trigger_id);
CREATE INDEX runs_recipient ON runs (environment, collection, recipient, inserted_at);
CREATE INDEX runs_recent ON runs (environment, inserted_at);
CREATE INDEX runs_paused ON runs (environment, inserted_at) WHERE status = 'paused';
CREATE INDEX runs_cancelled ON runs (environment, inserted_at) WHERE status = 'cancelled';
CREATE INDEX runs_parked ON runs (environment, inserted_at) WHERE strikes < 0;
CREATE INDEX runs_failed ON runs (environment, inserted_at) WHERE error_count > 0;
CREATE TABLE timers (id INTEGER PRIMARY KEY, due_at INTEGER NOT NULL, kind TEXT NOT NULL,
  subject TEXT NOT NULL, generation INTEGER NOT NULL, environment TEXT NOT NULL);
CREATE INDEX timers_due ON timers (due_at);
CREATE INDEX timers_subject ON timers (subject);
CREATE TABLE windows (id TEXT PRIMARY KEY, environment TEXT NOT NULL, workflow TEXT NOT NULL,
  step_key TEXT NOT NULL, step_ref TEXT NOT NULL, collection TEXT NOT NULL,
  recipient TEXT NOT NULL, batch_key TEXT NOT NULL,
  holder_run_id TEXT, opened_at INTEGER NOT NULL, closes_at INTEGER NOT NULL, limit_at INTEGER,
  generation INTEGER NOT NULL, count INTEGER NOT NULL, total INTEGER NOT NULL,
  settings TEXT NOT NULL,
  closed_at INTEGER);
CREATE UNIQUE INDEX windows_open ON windows (environment, workflow, step_key, collection,
  recipient, batch_key)
  WHERE closed_at IS NULL;
CREATE INDEX windows_holder ON windows (holder_run_id) WHERE closed_at IS NULL;
CREATE TABLE window_items (window_id TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  cancellation_key TEXT, actor_collection TEXT, actor_id TEXT, data TEXT NOT NULL,
  inserted_at INTEGER NOT NULL,
  cancelled_at INTEGER, PRIMARY KEY (window_id, seq));
CREATE INDEX window_items_run ON window_items (run_id);
CREATE TABLE throttles (environment TEXT NOT NULL, workflow TEXT NOT NULL, step_ref TEXT NOT NULL,
  collection TEXT NOT NULL, recipient TEXT NOT NULL, throttle_key TEXT NOT NULL,
  ends_at INTEGER NOT NULL,
  used INTEGER NOT NULL, PRIMARY KEY (environment, workflow, step_ref, collection, recipient,
  throttle_key))
  WITHOUT ROWID;
CREATE TABLE frequency_slots (environment TEXT NOT NULL, workflow TEXT NOT NULL,
  collection TEXT NOT NULL,
  recipient TEXT NOT NULL, tenant TEXT NOT NULL, run_id TEXT NOT NULL,
  PRIMARY KEY (environment, workflow, collection, recipient, tenant)) WITHOUT ROWID;
CREATE TABLE calls (run_id TEXT PRIMARY KEY, environment TEXT NOT NULL, step_ref TEXT NOT NULL,
  attempt INTEGER NOT NULL, request TEXT NOT NULL, timeout REAL NOT NULL,
  row_version INTEGER NOT NULL,
  lease_epoch INTEGER NOT NULL, lease_until INTEGER, inserted_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE epochs (id INTEGER PRIMARY KEY AUTOINCREMENT, started_at INTEGER NOT NULL,
  pid INTEGER NOT NULL);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE log_days (name TEXT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (name,
  day)) WITHOUT ROWID;
"""

_MESSAGES: Final = """
CREATE TABLE messages (id TEXT PRIMARY KEY, environment TEXT NOT NULL, run_id TEXT NOT NULL,
  trigger_id TEXT NOT NULL, workflow TEXT NOT NULL, version_id TEXT NOT NULL,
  step_ref TEXT NOT NULL,
  iteration INTEGER NOT NULL, categories TEXT NOT NULL, channel_id TEXT NOT NULL,
  channel_type TEXT NOT NULL,
  provider TEXT NOT NULL, collection TEXT NOT NULL, recipient TEXT NOT NULL, tenant TEXT,
  address TEXT NOT NULL,
  actors TEXT NOT NULL, status TEXT NOT NULL, data TEXT NOT NULL, filter_data TEXT NOT NULL,
  metadata TEXT NOT NULL, snapshot TEXT NOT NULL, content TEXT NOT NULL, overrides TEXT NOT NULL,
  attempts INTEGER NOT NULL, total_activities INTEGER NOT NULL, total_actors INTEGER NOT NULL,
  scheduled_at INTEGER, seen_at INTEGER, read_at INTEGER, interacted_at INTEGER,
  link_clicked_at INTEGER,
  archived_at INTEGER, inserted_at INTEGER NOT NULL, updated_at INTEGER NOT NULL);
CREATE UNIQUE INDEX messages_once ON messages (trigger_id, run_id, step_ref, channel_id, address,
  iteration);
CREATE INDEX messages_feed ON messages (environment, channel_id, collection, recipient, id)
  WHERE channel_type = 'in_app_feed';
CREATE INDEX messages_recipient ON messages (environment, collection, recipient, id);
CREATE INDEX messages_list ON messages (environment, id);
CREATE INDEX messages_caught ON messages (environment, channel_type, id)
  WHERE provider IN ('catch_all', 'in_app_feed');
CREATE INDEX messages_exceptions ON messages (environment, status, id)
  WHERE status IN ('delivery_attempted', 'undelivered', 'bounced', 'not_sent');
CREATE TABLE outbox (message_id TEXT PRIMARY KEY, environment TEXT NOT NULL,
  channel_id TEXT NOT NULL,
  attempt INTEGER NOT NULL, due_at INTEGER NOT NULL, first_attempt_at INTEGER NOT NULL,
  lease_epoch INTEGER NOT NULL, lease_until INTEGER) WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (channel_id, due_at) WHERE lease_until IS NULL;
CREATE INDEX outbox_leased ON outbox (lease_until) WHERE lease_until IS NOT NULL;
CREATE TABLE bulk_operations (id TEXT PRIMARY KEY, environment TEXT NOT NULL, name TEXT NOT NULL,
  status TEXT NOT NULL, estimated_total_rows INTEGER NOT NULL, processed_rows INTEGER NOT NULL,
  success_count INTEGER NOT NULL, error_count INTEGER NOT NULL, error_items TEXT NOT NULL,
  inserted_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, started_at INTEGER,
  completed_at INTEGER, failed_at INTEGER) WITHOUT ROWID;
"""


def apply(db: Database) -> None:
    """Create the tables; an existing file keeps its data."""
    for script in (_ACCOUNT, _DEFINITIONS, _PEOPLE, _ENGINE, _MESSAGES):
        for statement in script.split(";\n"):
            if statement.strip():
                db.execute(statement)
