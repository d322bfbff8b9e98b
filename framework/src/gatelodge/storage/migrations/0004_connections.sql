-- Linking of accounts: authorizations under way, and the browser sessions of the pages of connected accounts.
-- Keys are digests of what the browser has; times are in seconds since the epoch.
CREATE TABLE oauth_states (
    digest TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    sealed {{blob}} NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX oauth_states_owner ON oauth_states (owner, expires_at);
CREATE INDEX oauth_states_expires ON oauth_states (expires_at);
CREATE TABLE web_sessions (
    digest TEXT PRIMARY KEY,
    sealed {{blob}} NOT NULL,
    expires_at DOUBLE PRECISION NOT NULL
);
CREATE INDEX web_sessions_expires ON web_sessions (expires_at);
