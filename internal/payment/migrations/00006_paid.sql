-- beside: 4
-- +goose Up

-- Captured payments whose buyers have not been told yet: one row for all that were
-- captured together. It goes when all of them have been told.
CREATE TABLE payments_paid (
    id       TEXT COLLATE "C" PRIMARY KEY, -- by chance
    payments TEXT NOT NULL                 -- JSON: [[payment id, user id], …]
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_paid;
