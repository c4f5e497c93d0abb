-- beside: 1
-- +goose Up
-- The Ed25519 keys that this database's nodes sign with. Older databases have
-- the table already.
CREATE TABLE IF NOT EXISTS signing_keys (
    id          TEXT PRIMARY KEY, -- the name, of later keys name/created_at
    private_key BYTEA  NOT NULL,  -- the seed of RFC 8032, 32 bytes
    created_at  BIGINT NOT NULL   -- µs since 1970
);

-- +goose Down
DROP TABLE signing_keys;
