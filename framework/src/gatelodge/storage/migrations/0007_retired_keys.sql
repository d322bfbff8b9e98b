-- Keys of the vault that were taken out of use: a process that still has one as its primary key may not seal with it.
CREATE TABLE retired_keys (
    kek_id TEXT PRIMARY KEY,
    retired_at DOUBLE PRECISION NOT NULL
);
