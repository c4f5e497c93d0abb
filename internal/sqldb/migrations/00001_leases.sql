-- beside: 1
-- +goose Up
-- Which node does a job that one node at a time should do.
CREATE TABLE leases (
    name   TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT   NOT NULL,
    until  BIGINT NOT NULL -- µs since 1970, by the database's clock
);

-- +goose Down
DROP TABLE leases;
