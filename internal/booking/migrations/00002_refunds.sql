-- beside: 2
-- +goose Up
-- Until when buyers may give seats back; 0: without an end.
ALTER TABLE sales ADD COLUMN refunds_end BIGINT NOT NULL DEFAULT 0;
-- When the event's time changed last; who held seats before may give them back
-- until change_refunds_end, whatever refunds_end says.
ALTER TABLE sales ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sales ADD COLUMN change_refunds_end BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE sales DROP COLUMN change_refunds_end;
ALTER TABLE sales DROP COLUMN changed_at;
ALTER TABLE sales DROP COLUMN refunds_end;
