-- Posting (记账): how journals come into the books of ledger.sql, which has their laws. Can be run again.
--
-- Cost.         PL/pgSQL prepares each expression anew in every transaction, and a call of a SQL function that reads a
--               table costs more than reading the table: few expressions, few statements, and the clock is read where
--               the journal is written, as public.business_now() reads it.

-- Kinds are never removed, and only open_account, open_missing and post_rest add accounts, each by its kind's row.
alter table ledger.account drop constraint if exists account_kind_fkey;
-- Whoever looks for somebody's account makes its code.
drop index if exists ledger.account_owner_idx;
drop function if exists ledger.find_account;
drop function if exists ledger.request_hash;

-- Books that were made with a hash of the whole request get one of the legs, as legs_hash() below makes it.
do $$
begin
    if exists (select from pg_catalog.pg_attribute
                where attrelid = 'ledger.journal'::regclass and attname = 'request_hash' and not attisdropped) then
        alter table ledger.journal add column legs_hash bigint;
        alter table ledger.journal disable trigger refuse_change;
        update ledger.journal j
           set legs_hash = hash_array_extended(w.accounts, hash_array_extended(w.amounts, 0))
          from (select l.journal_id, array_agg(l.code order by l.is_ours, l.code collate "C") as accounts,
                       array_agg(l.amount_fen order by l.is_ours, l.code collate "C") as amounts
                  from (select e.journal_id, e.amount_fen, split_part(a.code, '#', 1) as code, a.stripe is not null as is_ours
                          from ledger.entry e join ledger.account a on a.id = e.account_id) l
                 group by l.journal_id) w
         where w.journal_id = j.id;
        alter table ledger.journal enable always trigger refuse_change;
        alter table ledger.journal alter column legs_hash set not null;
        alter table ledger.journal drop column request_hash;
    end if;
end $$;

-- Open some of p_codes that are not open and may open by themselves, in the order given; whoever needs them all calls
-- again until none is missing. Refuses (LD004) when nothing of what is missing opens by itself.
create or replace function ledger.open_missing(p_codes text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    v_code text;
begin
    -- Nearly all that opens by itself is somebody's: one statement for all of those.
    insert into ledger.account (code, kind, owner, room_fen)
    select c, k.kind, substr(c, length(k.kind) + 2)::uuid, -k.floor_fen
      from unnest(p_codes) c join ledger.account_kind k on k.kind = split_part(c, ':', 1)
     where k.qualifier = 'uuid' and k.opens_by_itself and length(c) = length(k.kind) + length(':') + 36
    on conflict (code) do nothing;
    if found then
        return;
    end if;
    for v_code in
        select distinct c collate "C" from unnest(p_codes) c
         where not exists (select from ledger.account a where a.code = c and coalesce(a.stripe, 0) = 0) order by 1
    loop
        if not exists (select from ledger.account_kind k
                        where k.kind = split_part(v_code, ':', 1) and k.opens_by_itself) then
            raise exception 'no such account: %', v_code using errcode = 'LD004', detail = v_code;
        end if;
        perform ledger.open_account(v_code);
    end loop;
end $$;

-- What tells a replay from another request under the same key, besides kind, ref and day, which the journal has as they
-- are. PostgreSQL keeps its extended hashes for ever: partitions go by them.
create or replace function ledger.legs_hash(p_accounts text[], p_amounts bigint[]) returns bigint
language sql immutable return hash_array_extended(p_accounts, hash_array_extended(p_amounts, 0));

-- The stripe of a busy account that this session moves: sessions that came one after the other have different ones, and
-- a batch locks one stripe of each account.
drop function if exists ledger.stripe_of(text[], bigint[], smallint);
create or replace function ledger.stripe_of(p_stripes smallint) returns integer
language sql stable return pg_backend_pid() % p_stripes;

-- The row of the account of the platform p_code that this session moves, by its code; null while any of p_accounts is
-- still to be opened: until then none of the platform's is locked. For post() alone, whose search path it goes by.
create or replace function ledger.stripe_code(p_code text, p_accounts text[]) returns text
language plpgsql stable as $$
begin
    return (select concat_ws('#', a.code, nullif(ledger.stripe_of(a.stripes), 0))
              from ledger.account a
             where a.code = p_code and a.stripe = 0
               and not exists (select from unnest(p_accounts) c left join ledger.account o on o.code = c
                                where o.id is null));
end $$;

-- The legs of a new journal that post() left: opens accounts of parties that are not open yet, each with its leg; then
-- moves accounts of the platform, a stripe each; else says why a leg is refused. p_moved legs are moved already: the
-- latest entries of their accounts, which are locked, are the journal's.
create or replace function ledger.post_rest(
    p_journal_id bigint, p_month integer, p_digest bytea, p_moved integer, p_accounts text[], p_amounts bigint[]
)
returns void
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    v_parties integer;               -- legs on accounts of parties, which come first
    v_order   text[];
    v_rows    integer := 0;
    v_id      bigint;
begin
    select count(*) filter (where k.qualifier = 'uuid'),
           array_agg(l.code order by k.qualifier is distinct from 'uuid', l.code collate "C")
      into v_parties, v_order
      from unnest(p_accounts) l (code) left join ledger.account_kind k on k.kind = split_part(l.code, ':', 1);
    if p_accounts is distinct from v_order or cardinality(p_accounts) is distinct from cardinality(p_amounts)
       or p_moved > v_parties or array_position(p_amounts, null) > 0 or 0 = any (p_amounts)
       or (select sum(x) from unnest(p_amounts) x) is distinct from 0
       or exists (select from unnest(p_accounts) c group by c having count(*) > 1) then
        raise exception 'legs % of % are no journal, or out of order', p_accounts, p_amounts using errcode = 'LD006';
    end if;

    if p_moved < v_parties then
        with opened as (
            -- An account that another journal opens at this moment is waited for, and moved.
            insert into ledger.account as a (code, kind, owner, posted_fen, room_fen, seq, head)
            select l.code, k.kind, substr(l.code, length(k.kind) + 2)::uuid, l.amount,
                   case when k.floor_fen is not null then greatest(l.amount - k.floor_fen, 0) end, 1,
                   ledger.chain('\x00', p_digest, l.amount, l.amount)
              from unnest(p_accounts[ : v_parties], p_amounts) with ordinality l (code, amount, place)
              join ledger.account_kind k on k.kind = split_part(l.code, ':', 1)
              left join ledger.account o on o.code = l.code
              left join ledger.entry e on e.account_id = o.id and e.seq = o.seq and e.journal_id = p_journal_id
             where e.journal_id is null
               and (o.id is not null
                    or k.opens_by_itself and (k.floor_fen is null or l.amount >= k.floor_fen)
                       and l.code ~ '^[a-z_]+:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$')
             order by l.place
            on conflict (code) do update
               set posted_fen = a.posted_fen + excluded.posted_fen, room_fen = a.room_fen + excluded.posted_fen,
                   seq = a.seq + 1, head = ledger.chain(a.head, p_digest, excluded.posted_fen, a.posted_fen + excluded.posted_fen)
             where a.room_fen is null or a.room_fen + excluded.posted_fen >= 0
            returning a.id, a.code, a.seq, a.posted_fen, a.head
        )
        insert into ledger.entry (account_id, seq, month, journal_id, amount_fen, balance_fen, head)
        select o.id, o.seq, p_month, p_journal_id, p_amounts[array_position(p_accounts, o.code::text)], o.posted_fen, o.head
          from opened o;
        get diagnostics v_rows = row_count;
        if p_moved + v_rows < v_parties then
            perform ledger.refuse_leg(p_journal_id, p_accounts[ : v_parties]);
        end if;
    end if;

    for i in v_parties + 1 .. cardinality(p_accounts) loop
        v_id := ledger.stripe_id(p_accounts[i]);
        continue when exists (select from ledger.account a
                                join ledger.entry e on e.account_id = a.id and e.seq = a.seq
                               where a.id = v_id and e.journal_id = p_journal_id);
        with moved as (
            update ledger.account a
               set posted_fen = a.posted_fen + p_amounts[i], room_fen = a.room_fen + p_amounts[i], seq = a.seq + 1,
                   head = ledger.chain(a.head, p_digest, p_amounts[i], a.posted_fen + p_amounts[i])
             where a.id = v_id and (a.room_fen is null or a.room_fen + p_amounts[i] >= 0)
            returning a.id, a.seq, a.posted_fen, a.head
        )
        insert into ledger.entry (account_id, seq, month, journal_id, amount_fen, balance_fen, head)
        select m.id, m.seq, p_month, p_journal_id, p_amounts[i], m.posted_fen, m.head from moved m;
        if not found then
            raise exception 'not enough money on %', p_accounts[i] using errcode = 'LD002', detail = p_accounts[i];
        end if;
    end loop;
end $$;

-- The row of the account of the platform p_code that this session moves; opens the account when its kind lets it open by
-- itself.
drop function if exists ledger.stripe_id(text, text[], bigint[]);
create or replace function ledger.stripe_id(p_code text) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    v_id bigint;
begin
    loop
        select a.id + ledger.stripe_of(a.stripes) into v_id
          from ledger.account a where a.code = p_code and a.stripe = 0;
        exit when found;
        if not exists (select from ledger.account_kind k where k.kind = p_code and k.opens_by_itself) then
            raise exception 'no such account: %', p_code using errcode = 'LD004', detail = p_code;
        end if;
        perform ledger.open_account(p_code);
    end loop;
    return v_id;
end $$;

-- Say why the first leg that is not moved is refused.
create or replace function ledger.refuse_leg(p_journal_id bigint, p_accounts text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    v_code    text;
    v_is_open boolean;
begin
    select l.code, a.id is not null
           or k.opens_by_itself and l.code ~ '^[a-z_]+:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
      into strict v_code, v_is_open
      from unnest(p_accounts) with ordinality l (code, place)
      join ledger.account_kind k on k.kind = split_part(l.code, ':', 1)
      left join ledger.account a on a.code = l.code
      left join ledger.entry e on e.account_id = a.id and e.seq = a.seq and e.journal_id = p_journal_id
     where e.journal_id is null
     order by l.place
     limit 1;
    if v_is_open then
        raise exception 'not enough money on %', v_code using errcode = 'LD002', detail = v_code;
    end if;
    raise exception 'no such account: %', v_code using errcode = 'LD004', detail = v_code;
end $$;

-- Post one journal: p_key, p_kind, p_ref, the effective day (null: today in Shanghai) and the legs, which name plain
-- account codes in the order of locks: those of parties by code, then the platform's by code. A key that is known answers
-- with its journal when the request is the same, and refuses (LD001) when not.
create or replace function ledger.post(
    p_key text, p_kind text, p_ref text, p_day date, p_accounts text[], p_amounts bigint[],
    out journal_id bigint, out replayed boolean
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
-- Accounts are locked in the order of the legs: a nested loop over them, whatever the size of the table.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
declare
    v_known  ledger.journal;
    v_month  integer;
    v_digest bytea;
    v_moved  integer;
    v_amount bigint;
    v_total  bigint := 0;
begin
    -- Whoever closes a day holds this lock alone, so that no journal slips into a day while it closes. Today cannot be
    -- closed: only a journal whose day is given has to look.
    if not pg_try_advisory_xact_lock_shared(1818588263, 1) then
        perform pg_advisory_xact_lock_shared(1818588263, 1);
    end if;
    insert into ledger.journal as j (key, legs_hash, kind, ref, effective_on, posted_at)
    select p_key, ledger.legs_hash(p_accounts, p_amounts), p_kind, p_ref,
           coalesce(p_day, (c.now at time zone 'Asia/Shanghai')::date), c.now
      from (select coalesce(b.fixed_at, now() + b.ahead) as now from public.business_clock b) c
     where length(p_key) between 1 and 200 and (p_ref is null or length(p_ref) between 1 and 200)
    on conflict (key) do nothing
    returning j.id, ledger.month_of(j.effective_on),
              ledger.journal_digest(j.id, j.key, j.kind, j.ref, j.effective_on, j.posted_at), false
         into journal_id, v_month, v_digest, replayed;
    if not found then
        select * into v_known from ledger.journal j where j.key = p_key;
        if not found then
            raise exception 'key % or ref % is malformed', p_key, p_ref using errcode = 'LD006';
        end if;
        if (v_known.legs_hash, v_known.kind, v_known.ref, v_known.effective_on)
           is distinct from (ledger.legs_hash(p_accounts, p_amounts), p_kind, p_ref, coalesce(p_day, v_known.effective_on)) then
            raise exception 'key % belongs to another request', p_key using errcode = 'LD001', detail = p_key;
        end if;
        journal_id := v_known.id;
        replayed := true;
        return;
    end if;
    if p_day is not null then
        if exists (select from ledger.closed_day c where c.day >= p_day) then
            raise exception 'day % is closed', p_day using errcode = 'LD007', detail = p_day;
        end if;
    end if;

    with moved as (
        update ledger.account a
           set posted_fen = a.posted_fen + l.amount, room_fen = a.room_fen + l.amount, seq = a.seq + 1,
               head = ledger.chain(a.head, v_digest, l.amount, a.posted_fen + l.amount)
          from (select p.place, p_accounts[p.place] as code, p_amounts[p.place] as amount,
                       p_accounts[p.place] like '%:________-____-____-____-____________' as is_party
                  from generate_subscripts(p_accounts, 1) p (place)) l
         where a.code = case when l.is_party then l.code else ledger.stripe_code(l.code, p_accounts) end
           and (a.stripe is null) = l.is_party
           and l.amount <> 0
           and (l.place = 1  -- parties by code, then the platform's by code
                or (not l.is_party, l.code collate "C")
                   > (p_accounts[l.place - 1] not like '%:________-____-____-____-____________', p_accounts[l.place - 1]))
           and (a.room_fen is null or a.room_fen + l.amount >= 0)
        returning a.id, a.seq, l.amount, a.posted_fen, a.head
    )
    insert into ledger.entry (account_id, seq, month, journal_id, amount_fen, balance_fen, head)
    select m.id, m.seq, v_month, journal_id, m.amount, m.posted_fen, m.head from moved m;
    get diagnostics v_moved = row_count;
    foreach v_amount in array p_amounts loop
        v_total := v_total + v_amount;
    end loop;
    if v_total = 0 and v_moved > 1 and v_moved = cardinality(p_accounts) and v_moved = cardinality(p_amounts) then
        return;
    end if;
    if p_accounts[cardinality(p_accounts)] !~ ':[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then  -- of parties alone
        select count(*) into v_moved
          from ledger.account a join ledger.entry e on e.account_id = a.id and e.seq = a.seq and e.journal_id = post.journal_id
         where a.code = any (p_accounts) and a.stripe is null;
    end if;
    perform ledger.post_rest(journal_id, v_month, v_digest, v_moved, p_accounts, p_amounts);
end $$;

-- Post new journals of today that move accounts of parties alone, each account by one leg: one statement for each table
-- does what post() does journal by journal. Returns their ids; null, and nothing is done, when they are not of that kind,
-- when one is known, or when a leg is refused: post() tells which.
create or replace function ledger.post_apart(
    p_keys text[], p_kinds text[], p_refs text[], p_leg_counts integer[], p_accounts text[], p_amounts bigint[]
)
returns bigint[] language plpgsql
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
-- Accounts are locked by code: a nested loop over the sorted legs, whatever the size of the table.
set enable_hashjoin = off
set enable_mergejoin = off
set enable_seqscan = off
as $$
declare
    v_journals integer[] := array(select n.place from unnest(p_leg_counts) with ordinality n (legs, place),
                                         generate_series(1, n.legs) order by n.place);
    v_codes    text[];                -- legs by code, with their amounts and the places of their journals
    v_amounts  bigint[];
    v_places   integer[];
    v_hashes   bigint[];
    v_ids      bigint[];
    v_told     bytea[];               -- digests of the journals
    v_month    integer;
    v_moved    integer;
begin
    select array_agg(l.code order by l.code collate "C"), array_agg(l.amount order by l.code collate "C"),
           array_agg(l.place order by l.code collate "C")
      into v_codes, v_amounts, v_places
      from unnest(p_accounts, p_amounts, v_journals) l (code, amount, place)
    having bool_and(l.amount <> 0 and length(l.code) = length(split_part(l.code, ':', 1)) + length(':') + 36);
    if v_codes is null then
        return null;
    end if;
    select array_agg(j.hash order by j.place) into v_hashes
      from (select l.place, ledger.legs_hash(array_agg(l.code order by l.leg), array_agg(l.amount order by l.leg)) as hash,
                   count(*) > 1 and sum(l.amount) = 0
                   and array_agg(l.code order by l.leg) = array_agg(l.code order by l.code collate "C") as is_sound
              from unnest(p_accounts, p_amounts, v_journals) with ordinality l (code, amount, place, leg)
             group by l.place) j
    having bool_and(j.is_sound);
    if v_hashes is null or cardinality(v_hashes) <> cardinality(p_keys) then
        return null;
    end if;
    begin
        with told as (
            insert into ledger.journal as j (key, legs_hash, kind, ref, effective_on, posted_at)
            select t.key, t.hash, t.kind, t.ref, (c.now at time zone 'Asia/Shanghai')::date, c.now
              from unnest(p_keys, v_hashes, p_kinds, p_refs) with ordinality t (key, hash, kind, ref, place),
                   (select coalesce(b.fixed_at, now() + b.ahead) as now from public.business_clock b) c
             where length(t.key) between 1 and 200 and (t.ref is null or length(t.ref) between 1 and 200)
             order by t.place
            on conflict (key) do nothing
            returning j.id, ledger.month_of(j.effective_on) as month,
                      ledger.journal_digest(j.id, j.key, j.kind, j.ref, j.effective_on, j.posted_at) as digest
        )
        -- Ids are given in the order of the journals.
        select array_agg(t.id order by t.id), array_agg(t.digest order by t.id), min(t.month)
          into v_ids, v_told, v_month from told t;
        if cardinality(v_ids) is distinct from cardinality(p_keys) then
            raise sqlstate 'LD000';
        end if;
        perform ledger.open_missing(array(select c from unnest(v_codes) with ordinality l (c, place)
                                           where not exists (select from ledger.account a where a.code = c) order by l.place));
        with moved as (
            update ledger.account a
               set posted_fen = a.posted_fen + l.amount, room_fen = a.room_fen + l.amount, seq = a.seq + 1,
                   head = ledger.chain(a.head, v_told[l.place], l.amount, a.posted_fen + l.amount)
              from unnest(v_codes, v_amounts, v_places) l (code, amount, place)
             where a.code = l.code and a.stripe is null and (a.room_fen is null or a.room_fen + l.amount >= 0)
            returning a.id, a.seq, l.amount, l.place, a.posted_fen, a.head
        )
        insert into ledger.entry (account_id, seq, month, journal_id, amount_fen, balance_fen, head)
        select m.id, m.seq, v_month, v_ids[m.place], m.amount, m.posted_fen, m.head from moved m;
        get diagnostics v_moved = row_count;
        -- A leg is left out when its account has no room for it, or moves twice.
        if v_moved <> cardinality(v_codes) then
            raise sqlstate 'LD000';
        end if;
    exception when sqlstate 'LD000' or sqlstate 'LD004' then
        return null;
    end;
    return v_ids;
end $$;

-- Post several journals in one call: all of them, or none, in the order given.
--
-- Journal i has p_keys[i], p_kinds[i], p_refs[i], p_days[i] and the next p_leg_counts[i] of the legs (p_accounts,
-- p_amounts). The accounts of all of them are locked in their order before the first is posted. Two calls that
-- bring the same key at once, one among several and one alone, may have to be told apart by the server's deadlock
-- detection; the caller tries again.
create or replace function ledger.post_many(
    p_keys text[], p_kinds text[], p_refs text[], p_days date[], p_leg_counts integer[],
    p_accounts text[], p_amounts bigint[],
    out journal_ids bigint[], out replayed boolean[]
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
declare
    v_last   integer := 0;
    v_first  integer;
    v_posted record;
begin
    if (select sum(x) from unnest(p_leg_counts) x) is distinct from cardinality(p_accounts)
       or cardinality(p_accounts) <> cardinality(p_amounts) then
        raise exception '% accounts and % amounts are not the legs announced',
            cardinality(p_accounts), cardinality(p_amounts) using errcode = 'LD006';
    end if;
    -- Few journals are quicker one by one.
    if cardinality(p_keys) > 16 and array_remove(p_days, null) = '{}' then
        if not pg_try_advisory_xact_lock_shared(1818588263, 1) then
            perform pg_advisory_xact_lock_shared(1818588263, 1);
        end if;
        journal_ids := ledger.post_apart(p_keys, p_kinds, p_refs, p_leg_counts, p_accounts, p_amounts);
        if journal_ids is not null then
            replayed := array_fill(false, array[cardinality(p_keys)]);
            return;
        end if;
    end if;
    if cardinality(p_keys) > 1 then
        perform ledger.open_missing(array(select distinct c collate "C" from unnest(p_accounts) c
                                           where not exists (select from ledger.account a where a.code = c)
                                           order by 1));
        perform from ledger.account a
          where a.id in (
                select b.id + ledger.stripe_of(b.stripes)
                  from (select distinct c from unnest(p_accounts) c) c (code)
                  join ledger.account b on b.code = c.code)
          order by a.stripe is not null, a.code
            for no key update;
    end if;
    for i in 1 .. cardinality(p_keys) loop
        v_first := v_last + 1;
        v_last := v_last + p_leg_counts[i];
        select * into v_posted from ledger.post(
            p_keys[i], p_kinds[i], p_refs[i], p_days[i], p_accounts[v_first : v_last], p_amounts[v_first : v_last]);
        journal_ids[i] := v_posted.journal_id;
        replayed[i] := v_posted.replayed;
    end loop;
end $$;

-- ------------------------------------------------------------------------------------------- holds that touch accounts

-- Set p_amount of account p_account aside under p_key until p_ttl from now. Money on hold is still the owner's, but not
-- available.
create or replace function ledger.place_hold(
    p_key text, p_account text, p_amount bigint, p_ttl interval, out hold_id bigint, out replayed boolean
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now     timestamptz := public.business_now();
    v_request bytea := sha256(convert_to(concat_ws(chr(31), p_account, p_amount, extract(epoch from p_ttl)), 'UTF8'));
    v_account bigint;
    v_known   ledger.hold;
begin
    select a.id into v_account from ledger.account a where a.code = p_account and a.stripe is null;
    if not found then
        perform ledger.open_missing(array[p_account]);
        select a.id into v_account from ledger.account a where a.code = p_account and a.stripe is null;
    end if;
    if v_account is null or p_amount <= 0 or p_ttl <= interval '0' then
        raise exception 'hold of % on % for % is malformed', p_amount, p_account, p_ttl using errcode = 'LD006';
    end if;
    insert into ledger.hold (key, request_hash, account_id, amount_fen, placed_at, expires_at)
    values (p_key, v_request, v_account, p_amount, v_now, v_now + p_ttl)
    on conflict (key) do nothing returning id into hold_id;
    replayed := not found;
    if replayed then
        select * into v_known from ledger.hold h where h.key = p_key;
        if v_known.request_hash <> v_request then
            raise exception 'key % belongs to another request', p_key using errcode = 'LD001', detail = p_key;
        end if;
        hold_id := v_known.id;
        return;
    end if;
    update ledger.account a set held_fen = a.held_fen + p_amount, room_fen = a.room_fen - p_amount
     where a.id = v_account and (a.room_fen is null or a.room_fen >= p_amount);
    if not found then
        raise exception 'not enough money on %', p_account using errcode = 'LD002', detail = p_account;
    end if;
end $$;

-- Turn a hold into a journal: its account pays the sum of the given legs, the rest of the hold is released.
-- A hold past its time may still be captured as long as nobody has released it.
create or replace function ledger.capture_hold(
    p_hold_key text, p_key text, p_kind text, p_ref text, p_day date, p_accounts text[], p_amounts bigint[],
    out journal_id bigint, out replayed boolean
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_hold   record;
    v_source text;
    v_amount bigint;
    v_taken  bigint := 0;
begin
    select h.id, h.state, h.account_id, h.amount_fen, h.journal_key, a.code as source into v_hold
      from ledger.hold h join ledger.account a on a.id = h.account_id where h.key = p_hold_key for update of h;
    if not found then
        raise exception 'no hold %', p_hold_key using errcode = 'LD003', detail = p_hold_key;
    end if;
    v_source := v_hold.source;
    foreach v_amount in array coalesce(p_amounts, '{}') loop
        v_taken := v_taken + v_amount;
    end loop;
    if v_hold.state not in ('open', 'captured') or v_hold.state = 'captured' and v_hold.journal_key <> p_key then
        raise exception 'hold % is %', p_hold_key, v_hold.state using errcode = 'LD005', detail = v_hold.state;
    end if;
    if v_taken is null or v_taken <= 0 then
        raise exception 'capture of % from hold %', v_taken, p_hold_key using errcode = 'LD006';
    end if;
    if v_hold.state = 'open' then
        if v_taken > v_hold.amount_fen then
            raise exception 'capture of % from hold % of %', v_taken, p_hold_key, v_hold.amount_fen
                using errcode = 'LD008', detail = p_hold_key;
        end if;
        if exists (select from unnest(p_accounts) c
                    where not exists (select from ledger.account a where a.code = c and coalesce(a.stripe, 0) = 0)) then
            perform ledger.open_missing(p_accounts);
        end if;
        perform from ledger.account a
          where a.code = any (p_accounts || v_source) and a.stripe is null
          order by a.code for no key update;
        update ledger.account a
           set held_fen = a.held_fen - v_hold.amount_fen, room_fen = a.room_fen + v_hold.amount_fen
         where a.id = v_hold.account_id;
    end if;
    select p.journal_id, p.replayed into capture_hold.journal_id, capture_hold.replayed
      from (select array_agg(l.code order by a.stripe is not null, l.code collate "C") as codes,
                   array_agg(l.amount order by a.stripe is not null, l.code collate "C") as amounts
              from unnest(p_accounts || v_source, p_amounts || -v_taken) l (code, amount)
              left join ledger.account a on a.code = l.code) l,
           lateral ledger.post(p_key, p_kind, p_ref, p_day, l.codes, l.amounts) p;
    if replayed <> (v_hold.state = 'captured') then
        raise exception 'key % belongs to another request', p_key using errcode = 'LD001', detail = p_key;
    end if;
    if not replayed then
        update ledger.hold h
           set state = 'captured', captured_fen = v_taken, journal_key = p_key, closed_at = public.business_now()
         where h.id = v_hold.id;
    end if;
end $$;

-- Place several new holds of the same length: all of them, or none. Their accounts are locked in their order; none may be
-- named twice. A key that stands already is refused, also for the same hold: the caller brings each alone then.
create or replace function ledger.place_holds(
    p_keys text[], p_accounts text[], p_amounts bigint[], p_ttl interval, out hold_ids bigint[]
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now   timestamptz := public.business_now();
    v_moved integer;
    v_poor  text;
begin
    if cardinality(p_keys) <> cardinality(p_accounts) or cardinality(p_keys) <> cardinality(p_amounts)
       or 0 >= any (p_amounts) or p_ttl <= interval '0' then
        raise exception 'holds of % on % for % are malformed', p_amounts, p_accounts, p_ttl using errcode = 'LD006';
    end if;
    perform ledger.open_missing(array(select distinct c collate "C" from unnest(p_accounts) c
                                       where not exists (select from ledger.account a where a.code = c) order by 1));
    perform from ledger.account a where a.code = any (p_accounts) and a.stripe is null order by a.code for no key update;
    select k.code into v_poor
      from unnest(p_accounts, p_amounts) k (code, amount) join ledger.account a on a.code = k.code
     where a.room_fen < k.amount order by k.code limit 1;
    if found then
        raise exception 'not enough money on %', v_poor using errcode = 'LD002', detail = v_poor;
    end if;
    update ledger.account a set held_fen = a.held_fen + k.amount, room_fen = a.room_fen - k.amount
      from unnest(p_accounts, p_amounts) k (code, amount) where a.code = k.code and a.stripe is null;
    get diagnostics v_moved = row_count;
    if v_moved <> cardinality(p_keys) then
        raise exception 'holds on % are malformed', p_accounts using errcode = 'LD006';
    end if;
    with placed as (
        insert into ledger.hold (key, request_hash, account_id, amount_fen, placed_at, expires_at)
        select k.key, sha256(convert_to(
                   concat_ws(chr(31), k.code, k.amount, extract(epoch from p_ttl)), 'UTF8')), a.id, k.amount, v_now,
               v_now + p_ttl
          from unnest(p_keys, p_accounts, p_amounts) k (key, code, amount)
          join ledger.account a on a.code = k.code
        returning id, key
    )
    select array_agg(h.id order by k.place) into hold_ids
      from unnest(p_keys) with ordinality k (key, place) join placed h on h.key = k.key;
exception when unique_violation then
    raise exception 'a key of % is known', p_keys using errcode = 'LD001', detail = p_keys[1];
end $$;

-- Capture several open holds of different accounts, all of them or none: hold i pays p_amounts[i] to p_accounts[i] under
-- p_keys[i], and its rest is released. The holds are locked in the order of their keys, then the accounts in theirs.
create or replace function ledger.capture_holds(
    p_hold_keys text[], p_keys text[], p_kind text, p_refs text[], p_accounts text[], p_amounts bigint[],
    out journal_ids bigint[]
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_count  integer := cardinality(p_hold_keys);
    v_open   integer;
    v_legs   record;
    v_posted record;
begin
    if v_count <> cardinality(p_keys) or v_count <> cardinality(p_refs) or v_count <> cardinality(p_accounts)
       or v_count <> cardinality(p_amounts) or 0 >= any (p_amounts) then
        raise exception 'captures of % from % are malformed', p_amounts, p_hold_keys using errcode = 'LD006';
    end if;
    perform from ledger.hold h where h.key = any (p_hold_keys) order by h.key for update;
    select count(*) filter (where h.state = 'open' and k.amount <= h.amount_fen and a.stripe is null),
           count(distinct h.account_id) into v_open, v_count
      from unnest(p_hold_keys, p_amounts) k (key, amount)
      join ledger.hold h on h.key = k.key join ledger.account a on a.id = h.account_id;
    if v_open <> cardinality(p_hold_keys) or v_count <> v_open then
        raise exception 'not all of % are open holds of enough', p_hold_keys using errcode = 'LD005', detail = 'mixed';
    end if;
    perform ledger.open_missing(array(select distinct c collate "C" from unnest(p_accounts) c
                                       where not exists (select from ledger.account a where a.code = c) order by 1));
    perform from ledger.account a
      where a.stripe is null
        and (a.code = any (p_accounts)
             or a.id in (select h.account_id from ledger.hold h where h.key = any (p_hold_keys)))
      order by a.code for no key update;
    update ledger.account a set held_fen = a.held_fen - h.amount_fen, room_fen = a.room_fen + h.amount_fen
      from ledger.hold h where h.key = any (p_hold_keys) and a.id = h.account_id;
    select array_agg(l.code order by k.place, t.stripe is not null, l.code collate "C") as codes,
           array_agg(l.amount order by k.place, t.stripe is not null, l.code collate "C") as amounts into v_legs
      from unnest(p_hold_keys, p_accounts, p_amounts) with ordinality k (key, code, amount, place)
      join ledger.hold h on h.key = k.key join ledger.account a on a.id = h.account_id
     cross join lateral (values (k.code, k.amount), (a.code::text, -k.amount)) l (code, amount)
      left join ledger.account t on t.code = l.code;
    select * into v_posted from ledger.post_many(
        p_keys, array_fill(p_kind, array[v_open]), p_refs, array_fill(null::date, array[v_open]),
        array_fill(2, array[v_open]), v_legs.codes, v_legs.amounts);
    if true = any (v_posted.replayed) then
        raise exception 'a key of % is known', p_keys using errcode = 'LD001', detail = p_keys[1];
    end if;
    update ledger.hold h
       set state = 'captured', captured_fen = k.amount, journal_key = k.posted, closed_at = public.business_now()
      from unnest(p_hold_keys, p_keys, p_amounts) k (key, posted, amount) where h.key = k.key;
    journal_ids := v_posted.journal_ids;
end $$;

-- Release at most p_limit holds that are past their time, the oldest first, and return their keys. Holds in use
-- elsewhere are skipped.
create or replace function ledger.expire_holds(p_limit integer) returns text[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_now  timestamptz := public.business_now();
    v_ids  bigint[] := array(select h.id from ledger.hold h where h.state = 'open' and h.expires_at <= v_now
                              order by h.expires_at limit p_limit for update skip locked);
    v_part record;
begin
    for v_part in
        select h.account_id, sum(h.amount_fen) as amount
          from ledger.hold h join ledger.account a on a.id = h.account_id
         where h.id = any (v_ids) group by h.account_id, a.code order by a.code
    loop
        update ledger.account a
           set held_fen = a.held_fen - v_part.amount, room_fen = a.room_fen + v_part.amount
         where a.id = v_part.account_id;
    end loop;
    update ledger.hold h set state = 'expired', closed_at = v_now where h.id = any (v_ids);
    return array(select h.key from ledger.hold h where h.id = any (v_ids) order by h.expires_at, h.id);
end $$;

revoke all on function ledger.open_missing, ledger.legs_hash, ledger.stripe_of, ledger.stripe_code, ledger.post_rest,
    ledger.stripe_id, ledger.refuse_leg, ledger.post, ledger.post_apart, ledger.post_many, ledger.place_hold,
    ledger.place_holds, ledger.capture_hold, ledger.capture_holds, ledger.expire_holds from public;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant execute on function ledger.post, ledger.post_many, ledger.place_hold, ledger.place_holds, ledger.capture_hold,
            ledger.capture_holds, ledger.expire_holds to linli_app;
    end if;
end $$;
