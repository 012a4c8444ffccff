CREATE FUNCTION delivery_box(lat float8, lng float8, radius_m bigint) RETURNS box LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT box(
        point(lng - radius_m / 111000.0::float8 / cos(radians(lat)), lat - radius_m / 111000.0::float8),
        point(lng + radius_m / 111000.0::float8 / cos(radians(lat)), lat + radius_m / 111000.0::float8))
$$;
COMMENT ON FUNCTION delivery_box IS 'holds every place that a shop delivers to: a degree of latitude is a little more than 111,000 m';
