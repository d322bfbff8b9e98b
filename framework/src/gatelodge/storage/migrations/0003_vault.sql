-- The vault: one row of tokens per tenant, user and service, with its data key and its sealed values.
-- Times are in seconds since the epoch; "scopes" is a JSON list, "extra" a JSON object. See docs/reference/vault-schema.md.
CREATE TABLE services (
    name TEXT PRIMARY KEY,
    created_at DOUBLE PRECISION NOT NULL,
    CONSTRAINT services_name CHECK (length(name) BETWEEN 1 AND 64)
);
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    service TEXT NOT NULL REFERENCES services (name),
    status TEXT NOT NULL,
    reason TEXT,
    account_id TEXT,
    account_name TEXT,
    scopes TEXT NOT NULL,
    extra TEXT NOT NULL,
    expires_at DOUBLE PRECISION,
    absolute_expires_at DOUBLE PRECISION,
    created_at DOUBLE PRECISION NOT NULL,
    updated_at DOUBLE PRECISION NOT NULL,
    refreshed_at DOUBLE PRECISION,
    version BIGINT NOT NULL,
    refresh_fence BIGINT NOT NULL,
    refresh_holder TEXT,
    refresh_started_at DOUBLE PRECISION,
    refresh_until DOUBLE PRECISION,
    quarantined_at DOUBLE PRECISION,
    quarantine_reason TEXT,
    CONSTRAINT tokens_owner UNIQUE (tenant, user_id, service),
    CONSTRAINT tokens_status CHECK (status IN ('active', 'needs_reauth', 'revoked')),
    CONSTRAINT tokens_version CHECK (version >= 1),
    CONSTRAINT tokens_refresh CHECK ((refresh_holder IS NULL) = (refresh_until IS NULL)),
    CONSTRAINT tokens_quarantine CHECK ((quarantined_at IS NULL) = (quarantine_reason IS NULL))
);
CREATE INDEX tokens_service ON tokens (service, status);
CREATE INDEX tokens_refresh_started ON tokens (refresh_started_at);
CREATE TABLE data_keys (
    id TEXT PRIMARY KEY,
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    kek_id TEXT NOT NULL,
    wrapped {{blob}} NOT NULL,
    created_at DOUBLE PRECISION NOT NULL,
    rewrapped_at DOUBLE PRECISION,
    CONSTRAINT data_keys_token UNIQUE (token_id)
);
CREATE INDEX data_keys_kek ON data_keys (kek_id, id);
CREATE TABLE token_values (
    token_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    field TEXT NOT NULL,
    sealed {{blob}} NOT NULL,
    PRIMARY KEY (token_id, field)
);
-- Rotations of keys: a row without an end was interrupted, and the next run goes on from it.
CREATE TABLE key_rotations (
    id TEXT PRIMARY KEY,
    kek_id TEXT NOT NULL,
    renews INTEGER NOT NULL,
    started_at DOUBLE PRECISION NOT NULL,
    finished_at DOUBLE PRECISION,
    CONSTRAINT key_rotations_renews CHECK (renews IN (0, 1))
);
