-- beside: 7
-- +goose Up

-- Column declines counts what the gateway has declined on its own page over the whole
-- payment. This is the part of it by earlier methods. An earlier program counts anew after
-- the method has changed.
ALTER TABLE payments ADD COLUMN declined_before BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE payments DROP COLUMN declined_before;
