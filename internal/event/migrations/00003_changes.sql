-- beside: 3
-- +goose Up
-- Until when buyers may give seats back; 0: until the event begins.
ALTER TABLE events ADD COLUMN refunds_end BIGINT NOT NULL DEFAULT 0;
-- When time or venue changed last after the event was announced; 0: never.
ALTER TABLE events ADD COLUMN changed_at BIGINT NOT NULL DEFAULT 0;
-- What people search in: folded to lower case without accents.
ALTER TABLE events ADD COLUMN search_title TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN search_all TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN search_city TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN search_category TEXT NOT NULL DEFAULT '';

-- What buyers must be told of. Rows never change.
CREATE TABLE event_changes (
    event_id TEXT COLLATE "C" NOT NULL,
    version  BIGINT NOT NULL, -- of the event, by this change
    field    TEXT   NOT NULL, -- event_time or venue
    at       BIGINT NOT NULL,
    before   TEXT   NOT NULL,
    after    TEXT   NOT NULL,
    PRIMARY KEY (event_id, version, field)
);

-- +goose Down
DROP TABLE event_changes;
ALTER TABLE events DROP COLUMN search_category;
ALTER TABLE events DROP COLUMN search_city;
ALTER TABLE events DROP COLUMN search_all;
ALTER TABLE events DROP COLUMN search_title;
ALTER TABLE events DROP COLUMN changed_at;
ALTER TABLE events DROP COLUMN refunds_end;
