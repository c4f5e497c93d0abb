-- +goose Up
-- beside: 4
-- Accounts that are being deleted, and for a day those that are: what was bought
-- by them in the same moment is undone.
CREATE TABLE closings (
    user_id TEXT COLLATE "C" PRIMARY KEY,
    since   BIGINT NOT NULL, -- when the deletion began
    done    BOOLEAN NOT NULL, -- the account is deleted
    tries   BIGINT NOT NULL,
    next_at BIGINT NOT NULL  -- not before
);
CREATE INDEX closings_due ON closings (next_at);
-- Bookings are on their way: the heir stays until they are there.
ALTER TABLE adoptions ADD COLUMN begun BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE adoptions DROP COLUMN begun;
DROP TABLE closings;
