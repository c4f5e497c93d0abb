-- beside: 1
-- +goose Up
-- Orders whose signed link is not the first one: only the link of this version
-- opens the order. An order without a row has version 0.
CREATE TABLE order_links (
    booking_id TEXT   PRIMARY KEY,
    version    BIGINT NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL -- µs since 1970
);

-- +goose Down
DROP TABLE order_links;
