-- Rows of search hold what a search looks at: hours as minutes with holidays and single days, steps of the delivery fee,
-- the area, the rating. The index of words knows squares of the map, so that a word and a place are one look-up.

CREATE FUNCTION open_minutes(hours jsonb) RETURNS int4multirange LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    WITH days AS (
        SELECT day.value AS spans, length(day.key) > 1 AS is_special, CASE
            WHEN day.key = 'holiday' THEN 20000
            WHEN length(day.key) = 1 THEN (day.key::integer - 1) * 1440
            ELSE 30000 + (day.key::date - date '2000-01-01') * 1500 END AS base
        FROM jsonb_each(hours) AS day
        WHERE length(day.key) = 1 OR day.key = 'holiday' OR day.key BETWEEN '2000-01-01' AND '2999-12-31'
    )
    SELECT coalesce(range_agg(part), '{}') FROM (
        SELECT int4range(
            base + substr(span ->> 0, 1, 2)::integer * 60 + substr(span ->> 0, 4, 2)::integer,
            base + substr(span ->> 1, 1, 2)::integer * 60 + substr(span ->> 1, 4, 2)::integer) AS part
        FROM days CROSS JOIN LATERAL jsonb_array_elements(spans) AS span
        UNION ALL
        SELECT int4range(base + 1499, base + 1500) FROM days WHERE is_special
    ) AS parts
$$;
COMMENT ON FUNCTION open_minutes IS 'hours as minutes, Shanghai time: since Monday 00:00; of public holidays from 20000 on;'
    ' of single days from 30000 on, 1500 a day since 2000; minute 1499 of a day says that the hours name it';

CREATE FUNCTION is_open_in(
    minutes int4multirange, minute_of_week integer, minute_of_day integer, day_base integer, is_holiday boolean
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN minutes @> day_base + 1499 THEN minutes @> day_base + minute_of_day
        WHEN is_holiday AND minutes @> 21499 THEN minutes @> 20000 + minute_of_day
        ELSE minutes @> minute_of_week END
$$;
COMMENT ON FUNCTION is_open_in IS 'as the rule is_open_at in app.core.catalog.rules; a property test compares them';

CREATE FUNCTION fee_from_m(fee_tiers jsonb) RETURNS float8[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT coalesce(array_agg((tier ->> 'up_to_m')::float8 + 1 ORDER BY place)
        FILTER (WHERE place < jsonb_array_length(fee_tiers)), '{}')
    FROM jsonb_array_elements(fee_tiers) WITH ORDINALITY AS tiers (tier, place)
$$;
CREATE FUNCTION fees_of(fee_tiers jsonb) RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT array_agg((tier ->> 'fee_fen')::bigint ORDER BY place)
    FROM jsonb_array_elements(fee_tiers) WITH ORDINALITY AS tiers (tier, place)
$$;
COMMENT ON FUNCTION fee_from_m IS 'whole meters from which the second tier of the fee holds, the third, …: fees_of names the fees';

CREATE FUNCTION area_points(area jsonb) RETURNS float8[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT array_agg(ARRAY[(corner ->> 0)::float8, (corner ->> 1)::float8] ORDER BY place)
    FROM jsonb_array_elements(area) WITH ORDINALITY AS corners (corner, place)
$$;

CREATE FUNCTION is_in_area(area float8[], lat float8, lng float8) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    is_inside boolean := false;
    corners integer := array_length(area, 1);
    following integer;
BEGIN
    FOR corner IN 1 .. corners LOOP
        following := corner % corners + 1;
        IF (area[corner][1] > lat) <> (area[following][1] > lat) THEN
            IF lng < (area[following][2] - area[corner][2]) * (lat - area[corner][1])
                / (area[following][1] - area[corner][1]) + area[corner][2] THEN
                is_inside := NOT is_inside;
            END IF;
        END IF;
    END LOOP;
    RETURN is_inside;
END
$$;
COMMENT ON FUNCTION is_in_area IS 'as the rule is_inside in app.core.catalog.areas; a property test compares them';

CREATE FUNCTION place_token(lat float8, lng float8, zoom integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT CASE zoom WHEN 13 THEN 268435456 ELSE 402653184 END
        | ((cell >> 31)::integer << zoom) | (cell & 2147483647)::integer
    FROM (SELECT public.map_cell(lat, lng, zoom) AS cell) AS at
$$;
COMMENT ON FUNCTION place_token IS 'a square of the map at zoom 13 or 9 as a token; among those of no characters in use';

CREATE OR REPLACE FUNCTION search_tokens(words text) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS $$
    SELECT ARRAY(
        SELECT CASE two WHEN 0 THEN ascii(one) ELSE (ascii(one) << 16) # ascii(next) END
        FROM (SELECT string_to_array(words, NULL) AS letters) AS s
        CROSS JOIN LATERAL unnest(s.letters, s.letters[2:]) AS pairs (one, next)
        CROSS JOIN (VALUES (0), (1)) AS twice (two)
        WHERE one <> ' ' AND (two = 0 OR next <> ' ')
    )
$$;
COMMENT ON FUNCTION search_tokens IS 'characters and pairs of neighbors, each in one integer, for the index; spaces have none';

CREATE FUNCTION search_index(words text, pinyin text, lat float8, lng float8) RETURNS integer[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT public.search_tokens(words || ' ' || regexp_replace(coalesce(pinyin, ''), '[^A-Z]+', '', 'g'))
        || ARRAY[public.place_token(lat, lng, 13), public.place_token(lat, lng, 9)]
$$;
COMMENT ON FUNCTION search_index IS 'tokens of a name, of the initials of its reading in capitals, and of where it is sold';

CREATE OR REPLACE FUNCTION keep_searched_offer(changed_id uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    known_words text;
    fresh record;
BEGIN
    SELECT words INTO known_words FROM searched_offers WHERE offer_id = changed_id;
    SELECT f.offer_id, f.shop_id, search_words(f.name) AS words, min(k.price_fen) AS price_fen, s.lat, s.lng,
        open_minutes(nullif(f.sale_hours, 'null')) AS sale_minutes INTO fresh
    FROM offers AS f JOIN shops AS s ON s.shop_id = f.shop_id
    JOIN skus AS k ON k.offer_id = f.offer_id AND k.removed_at IS NULL
    WHERE f.offer_id = changed_id AND f.state = 'on_sale' GROUP BY f.offer_id, s.shop_id;
    IF NOT FOUND THEN
        DELETE FROM searched_offers WHERE offer_id = changed_id;
    ELSE
        INSERT INTO searched_offers (offer_id, shop_id, words, price_fen, lat, lng, sale_minutes)
        VALUES (fresh.offer_id, fresh.shop_id, fresh.words, fresh.price_fen, fresh.lat, fresh.lng, fresh.sale_minutes)
        ON CONFLICT (offer_id) DO UPDATE
        SET price_fen = excluded.price_fen, words = excluded.words, sale_minutes = excluded.sale_minutes,
            pinyin = CASE WHEN searched_offers.words = excluded.words THEN searched_offers.pinyin END;
        IF known_words IS DISTINCT FROM fresh.words THEN
            INSERT INTO unread_names (subject_id, kind) VALUES (changed_id, 'offer') ON CONFLICT DO NOTHING;
        END IF;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION shop_was_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO searched_shops AS z (shop_id, words, open_minutes, lat, lng, vertical, state, license_expires_on,
        paused_until, radius_m, area, minimum_fen, fee_from_m, fees)
    VALUES (new.shop_id, search_words(new.name), open_minutes(new.hours), new.lat, new.lng, new.vertical, new.state,
        new.license_expires_on, new.paused_until, new.radius_m, area_points(new.area), new.minimum_fen,
        fee_from_m(new.fee_tiers), fees_of(new.fee_tiers))
    ON CONFLICT (shop_id) DO UPDATE SET open_minutes = excluded.open_minutes, lat = excluded.lat, lng = excluded.lng,
        vertical = excluded.vertical, state = excluded.state, license_expires_on = excluded.license_expires_on,
        paused_until = excluded.paused_until, radius_m = excluded.radius_m, area = excluded.area,
        minimum_fen = excluded.minimum_fen, fee_from_m = excluded.fee_from_m, fees = excluded.fees,
        words = excluded.words, pinyin = CASE WHEN z.words = excluded.words THEN z.pinyin END;
    IF tg_op = 'INSERT' OR new.name <> old.name THEN
        INSERT INTO unread_names (subject_id, kind) VALUES (new.shop_id, 'shop') ON CONFLICT DO NOTHING;
    END IF;
    IF tg_op = 'UPDATE' AND (new.lat, new.lng) <> (old.lat, old.lng) THEN
        UPDATE searched_offers SET lat = new.lat, lng = new.lng WHERE shop_id = new.shop_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION rating_was_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE searched_shops SET review_count = new.review_count,
        rating_hundredths = rating_hundredths(new.review_count, new.star_sum) WHERE shop_id = new.shop_id;
    RETURN NULL;
END
$$;

-- Without STRICT, so that it is part of the statement that asks: four times as fast.
CREATE OR REPLACE FUNCTION meters_between(lat1 float8, lng1 float8, lat2 float8, lng2 float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 2 * 6371008.8 * asin(least(1, sqrt(
        sin(radians(lat2 - lat1) / 2) ^ 2
        + cos(radians(lat1)) * cos(radians(lat2)) * sin(radians(lng2 - lng1) / 2) ^ 2)))
$$;
