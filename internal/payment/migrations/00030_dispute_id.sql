-- beside: 7
-- +goose Up

-- The gateway's name of the dispute that column dispute speaks of; '': not known. An earlier
-- program takes a second dispute for a late word of the first.
ALTER TABLE payments ADD COLUMN dispute_id TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE payments DROP COLUMN dispute_id;
