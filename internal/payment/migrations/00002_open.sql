-- beside: 2
-- +goose Up

-- Payments under way, for recovery. A table of its own and not a partial index:
-- an index whose condition reads the status makes each change of a status a new
-- entry in all indexes of payments (PostgreSQL: no heap-only tuples).
DROP INDEX payments_open;

CREATE TABLE payments_open (
    id TEXT COLLATE "C" PRIMARY KEY -- payments.id
) /*sqlite: WITHOUT ROWID*/;

INSERT INTO payments_open (id) SELECT id FROM payments WHERE status IN ('pending', 'authorized');

-- +goose Down
DROP TABLE payments_open;
CREATE INDEX payments_open ON payments (id) WHERE status IN ('pending', 'authorized');
