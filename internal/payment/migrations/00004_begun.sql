-- beside: 4
-- +goose Up

-- Payments under way, for recovery: one row for all that were inserted together,
-- which goes when the last of them is final. One whose payments are all final
-- already does no harm.
CREATE TABLE payments_begun (
    id       TEXT COLLATE "C" PRIMARY KEY, -- the least of the payments' ids
    payments TEXT NOT NULL                 -- JSON array of ids
) /*sqlite: WITHOUT ROWID*/;

INSERT INTO payments_begun (id, payments) SELECT id, '["' || id || '"]' FROM payments_open;

DROP TABLE payments_open;

-- +goose Down
CREATE TABLE payments_open (
    id TEXT COLLATE "C" PRIMARY KEY -- payments.id
) /*sqlite: WITHOUT ROWID*/;

INSERT INTO payments_open (id) SELECT id FROM payments WHERE status IN ('pending', 'authorized');

DROP TABLE payments_begun;
