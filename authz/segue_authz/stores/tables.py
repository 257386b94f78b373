"""The tables of the authorization server. `migrations/` creates them; a test keeps both the same."""

import sqlalchemy as sa

metadata = sa.MetaData()

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("username", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text, nullable=False),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("deleted_at", sa.BigInteger),
)

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("redirect_uris", sa.JSON, nullable=False),
    sa.Column("consumption_uris", sa.JSON, nullable=False),
    sa.Column("disabled_at", sa.BigInteger),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("secret_digest", sa.Text),
    sa.Column("jwks", sa.JSON, nullable=False),
    sa.Column("audience", sa.Text),
    sa.Column("exchange_actions", sa.Text, nullable=False, server_default=""),
    sa.Column("exchange_audiences", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("services", sa.Text, nullable=False, server_default=""),
    sa.Column("require_signed_request_object", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("backchannel_token_delivery_mode", sa.Text),
    sa.Column("backchannel_client_notification_endpoint", sa.Text),
    sa.Column("backchannel_user_code_parameter", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("origin", sa.Text, nullable=False, server_default="operator"),
    sa.Column("registered_at", sa.BigInteger),
    sa.Column("reviewed_at", sa.BigInteger),
    sa.Column("deleted_at", sa.BigInteger),
    sa.Column("read_until", sa.BigInteger),
    sa.Column("registration_digest", sa.Text),
    sa.Column(
        "invitation_id",
        sa.Text,
        sa.ForeignKey("registration_invitations.invitation_id", name="clients_invitation"),
    ),
)

registration_invitations = sa.Table(
    "registration_invitations",
    metadata,
    sa.Column("invitation_id", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False, unique=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("uses_left", sa.Integer, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
)

client_assertions = sa.Table(
    "client_assertions",
    metadata,
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), primary_key=True),
    sa.Column("jti", sa.Text, primary_key=True),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Index("client_assertions_until", "until"),
)

browser_sessions = sa.Table(
    "browser_sessions",
    metadata,
    sa.Column("session_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("acr", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("ended_at", sa.BigInteger),
    sa.Column("amr", sa.Text),
    sa.Column("passkey_id", sa.Text),
)

bound_sessions = sa.Table(
    "bound_sessions",
    metadata,
    sa.Column("session_id", sa.Text, sa.ForeignKey("browser_sessions.session_id"), primary_key=True),
    sa.Column("identifier", sa.Text, nullable=False, unique=True),
    sa.Column("jwk", sa.JSON, nullable=False),
    sa.Column("registered_at", sa.BigInteger, nullable=False),
    sa.Column("unproved_at", sa.BigInteger),  # when somebody first insisted on it without its proof
)

passkeys = sa.Table(
    "passkeys",
    metadata,
    sa.Column("passkey_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("credential_id", sa.Text, nullable=False, unique=True),
    sa.Column("public_key", sa.LargeBinary, nullable=False),
    sa.Column("user_handle", sa.Text, nullable=False),
    sa.Column("sign_count", sa.BigInteger, nullable=False),
    sa.Column("transports", sa.Text, nullable=False),
    sa.Column("attachment", sa.Text),
    sa.Column("aaguid", sa.Text, nullable=False),
    sa.Column("multi_device", sa.Boolean, nullable=False),
    sa.Column("backed_up", sa.Boolean, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("used_at", sa.BigInteger),
    sa.Column("removed_at", sa.BigInteger),
    sa.Index("passkeys_subject", "subject"),
)

spent_challenges = sa.Table(
    "spent_challenges",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("until", sa.BigInteger, nullable=False),
    sa.Index("spent_challenges_until", "until"),
)

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column("code_digest", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger),
    sa.Column("used_at", sa.BigInteger),
    sa.Column("replaced_at", sa.BigInteger),
    sa.Index("recovery_codes_subject", "subject"),
)

account_events = sa.Table(
    "account_events",
    metadata,
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("about", sa.Text),
    sa.Column("network", sa.Text),
    sa.Column("happened_at", sa.BigInteger, nullable=False),
    sa.Index("account_events_subject", "subject", "happened_at"),
)

upstream_identities = sa.Table(
    "upstream_identities",
    metadata,
    sa.Column("identity_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("called", sa.Text, nullable=False),
    sa.Column("linked_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("issuer", "sub", name="upstream_identities_once"),
    sa.Index("upstream_identities_subject", "subject"),
)

upstream_requests = sa.Table(
    "upstream_requests",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("provider", sa.Text, nullable=False),
    sa.Column("browser", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject")),  # who links; absent when somebody signs in
    sa.Column("return_to", sa.Text, nullable=False),
    sa.Column("anew", sa.Boolean, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("answered_at", sa.BigInteger),
)

upstream_sessions = sa.Table(
    "upstream_sessions",
    metadata,
    sa.Column("session_id", sa.Text, sa.ForeignKey("browser_sessions.session_id"), primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("sub", sa.Text, nullable=False),
    sa.Column("sid", sa.Text),
    sa.Index("upstream_sessions_person", "issuer", "sub"),
)

upstream_logouts = sa.Table(
    "upstream_logouts",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("issuer", sa.Text, nullable=False),
    sa.Column("sub", sa.Text),
    sa.Column("sid", sa.Text),
    sa.Column("happened_at", sa.BigInteger, nullable=False),
    sa.Index("upstream_logouts_happened", "issuer", "happened_at"),
)

devices = sa.Table(
    "devices",
    metadata,
    sa.Column("device_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("jkt", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("network", sa.Text, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("revoked_at", sa.BigInteger),
    sa.UniqueConstraint("subject", "client_id", "jkt", name="devices_key"),
)

task_epochs = sa.Table(
    "task_epochs",
    metadata,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("moved_by", sa.Text),  # whose devices the epoch tells apart; absent until the first move
)

grants = sa.Table(
    "grants",
    metadata,
    sa.Column("grant_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("device_id", sa.Text, sa.ForeignKey("devices.device_id"), nullable=False),
    sa.Column("jkt", sa.Text, nullable=False),
    sa.Column("task_id", sa.Text, sa.ForeignKey("task_epochs.task_id"), nullable=False),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("acr", sa.Text, nullable=False),
    sa.Column("transfer_id", sa.Text),
    sa.Column("token_lifetime", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("generation", sa.BigInteger, nullable=False),
    sa.Column("rotated_at", sa.BigInteger),
    sa.Column("revoked_at", sa.BigInteger),
    sa.Column("parent_grant_id", sa.Text, sa.ForeignKey("grants.grant_id", name="grants_parent")),
    sa.Column("resource", sa.Text),
    sa.Column("actors", sa.JSON, nullable=False, server_default="[]"),
    sa.Index("grants_task", "task_id"),
    sa.Index("grants_subject", "subject"),
    sa.Index("grants_transfer", "transfer_id"),
    sa.Index("grants_revoked", "revoked_at"),
    sa.Index("grants_device", "device_id"),
    sa.Index("grants_delegated", "parent_grant_id", "client_id", "jkt", unique=True),
)

status_entries = sa.Table(
    "status_entries",
    metadata,
    sa.Column("status_index", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("grant_id", sa.Text, sa.ForeignKey("grants.grant_id"), nullable=False, unique=True),
)

authorization_codes = sa.Table(
    "authorization_codes",
    metadata,
    sa.Column("code_digest", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("code_challenge", sa.Text, nullable=False),
    sa.Column("jkt", sa.Text, nullable=False),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("auth_time", sa.BigInteger, nullable=False),
    sa.Column("acr", sa.Text, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("grant_id", sa.Text, sa.ForeignKey("grants.grant_id")),
    sa.Column("browser", sa.Text),
    sa.Column("resource", sa.Text),
)

pushed_requests = sa.Table(
    "pushed_requests",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("answered_at", sa.BigInteger),
)

transfers = sa.Table(
    "transfers",
    metadata,
    sa.Column("transfer_id", sa.Text, primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("handle_digest", sa.Text, unique=True),
    sa.Column("code_digest", sa.Text, nullable=False, unique=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject")),
    sa.Column("task_id", sa.Text),
    sa.Column("asked_task_id", sa.Text),
    sa.Column("asked_name", sa.Text),
    sa.Column("asked_about", sa.Text),  # sealed; absent once it is decided
    sa.Column("source_grant_id", sa.Text, sa.ForeignKey("grants.grant_id")),
    sa.Column("consumption_client_id", sa.Text, sa.ForeignKey("clients.client_id")),
    sa.Column("actions", sa.Text, nullable=False),
    sa.Column("mode", sa.Text),
    sa.Column("sensitivity", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
    sa.Column("enter_until", sa.BigInteger),
    sa.Column("opened_by", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("contested_at", sa.BigInteger),
    sa.Column("reported_at", sa.BigInteger),
    sa.Column("poll_interval", sa.BigInteger, nullable=False),
    sa.Column("polled_at", sa.BigInteger),
    sa.Column("claim_client_id", sa.Text),
    sa.Column("claim_jkt", sa.Text),
    sa.Column("claim_device_name", sa.Text),
    sa.Column("claim_place", sa.Text),
    sa.Column("claim_network", sa.Text),
    sa.Column("claim_attester", sa.Text),
    sa.Column("claimed_at", sa.BigInteger),
    sa.Column("auth_time", sa.BigInteger),
    sa.Column("acr", sa.Text),
    sa.Column("explained", sa.Text),
    sa.Column("grant_id", sa.Text),
    sa.Index("transfers_source", "source_grant_id"),
    sa.Index("transfers_subject", "subject"),
    sa.Index(
        "transfers_reported",
        "claim_client_id",
        "reported_at",
        postgresql_where=sa.text("reported_at IS NOT NULL"),
        sqlite_where=sa.text("reported_at IS NOT NULL"),
    ),
)

backchannel_requests = sa.Table(
    "backchannel_requests",
    metadata,
    sa.Column("transfer_id", sa.Text, sa.ForeignKey("transfers.transfer_id"), primary_key=True),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("person", sa.Text, nullable=False),  # under what it counts, whether or not there is such a person
    sa.Column("reached_by", sa.Text, nullable=False),
    sa.Column("binding_message", sa.Text),
    sa.Column("notification_token", sa.Text),  # sealed; absent when there is nobody to notify any more
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index("backchannel_requests_pair", "client_id", "person", "created_at"),
)

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("began_at", sa.BigInteger, nullable=False),
    sa.Column("used", sa.BigInteger, nullable=False),
)

user_codes = sa.Table(
    "user_codes",
    metadata,
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), primary_key=True),
    sa.Column("code_hash", sa.Text, nullable=False),
    sa.Column("set_at", sa.BigInteger, nullable=False),
)

push_subscriptions = sa.Table(
    "push_subscriptions",
    metadata,
    sa.Column("subscription_id", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("session_id", sa.Text, sa.ForeignKey("browser_sessions.session_id"), nullable=False),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Index("push_subscriptions_subject", "subject"),
)

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("notice_id", sa.Text, primary_key=True),
    sa.Column("transfer_id", sa.Text, sa.ForeignKey("transfers.transfer_id"), nullable=False),
    sa.Column("subscription_id", sa.Text),  # whose browser is told; absent when it is the client
    sa.Column("due_at", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("notices_due", "due_at"),
)

arrivals = sa.Table(
    "arrivals",
    metadata,
    sa.Column("grant_id", sa.Text, sa.ForeignKey("grants.grant_id"), primary_key=True),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("device_id", sa.Text, sa.ForeignKey("devices.device_id"), nullable=False),
    sa.Column("new_device", sa.Boolean, nullable=False),
    sa.Column("decided_in", sa.Text),  # the browser session in which the person approved
    sa.Column("joined_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger),
    sa.Column("asked", sa.Integer, nullable=False),  # how often whether the device is still theirs
    sa.Column("asked_at", sa.BigInteger),
    sa.Column("answer", sa.Text),
    sa.Column("answered_at", sa.BigInteger),
    sa.Column("answered_in", sa.Text),
    sa.Index("arrivals_subject", "subject", "joined_at"),
    sa.Index("arrivals_asked", "asked", "joined_at"),
)

push_messages = sa.Table(
    "push_messages",
    metadata,
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("subscription_id", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject"), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("grant_id", sa.Text, sa.ForeignKey("grants.grant_id")),  # told only while it lives
    sa.Column("transfer_id", sa.Text, sa.ForeignKey("transfers.transfer_id")),  # told only while it waits
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger),  # absent once the push service has it
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("push_messages_due", "due_at"),
    sa.Index("push_messages_subscription", "subscription_id"),
)

signal_streams = sa.Table(
    "signal_streams",
    metadata,
    sa.Column("stream_id", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("endpoint_url", sa.Text),
    sa.Column("endpoint_authorization", sa.Text),  # sealed
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("description", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("begins_at", sa.BigInteger, nullable=False),
    sa.Column("gathered_at", sa.BigInteger, nullable=False),
    sa.Column("verified_at", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("client_id", name="signal_streams_client"),
)

signals = sa.Table(
    "signals",
    metadata,
    sa.Column("jti", sa.Text, primary_key=True),
    sa.Column("stream_id", sa.Text, sa.ForeignKey("signal_streams.stream_id"), nullable=False),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("grant_id", sa.Text, sa.ForeignKey("grants.grant_id")),
    sa.Column("subject", sa.Text, sa.ForeignKey("accounts.subject")),
    sa.Column("state", sa.Text),
    sa.Column("happened_at", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger),  # absent once it has arrived
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.UniqueConstraint("stream_id", "grant_id", name="signals_once"),
    sa.Index("signals_due", "stream_id", "due_at"),
)
