-- Posting (记账): how journals come into the books of ledger.sql, which has their laws. Can be run again.
--
-- Cost.         PL/pgSQL prepares each expression anew in every transaction, and a call of a SQL function that reads a
--               table costs more than reading the table: few expressions, few statements, and the clock is read where
--               the journal is written, as public.business_now() reads it.

-- Kinds are never removed, and only open_account and open_missing add accounts, each from the row of its kind.
alter table ledger.account drop constraint if exists account_kind_fkey;
-- Whoever looks for somebody's account makes its code.
drop index if exists ledger.account_owner_idx;

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

-- What tells a replay from another request under the same key; its first byte also picks the stripe of a busy account.
create or replace function ledger.request_hash(
    p_key text, p_kind text, p_ref text, p_day date, p_accounts text[], p_amounts bigint[]
)
returns bytea language sql stable return
    sha256(convert_to(concat_ws(chr(31), p_key, p_kind, p_day - date '2000-01-01',
        array_to_string(p_accounts, ','), array_to_string(p_amounts, ','), p_ref), 'UTF8'));

-- What to do about leg p_leg, whose account was not moved: opens the account when there is none (and others after it that
-- are missing), picks the stripe of an account of the platform; else says why the leg is refused.
create or replace function ledger.find_account(
    p_accounts text[], p_amounts bigint[], p_leg integer, p_byte integer, p_tried smallint, p_first_ours integer,
    out code text, out stripe smallint, out first_ours integer, out total bigint
)
language plpgsql set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    v_account ledger.account;
begin
    code := p_accounts[p_leg];
    first_ours := p_first_ours;
    total := coalesce((select sum(x) from unnest(p_amounts[ : p_leg - 1]) x), 0);
    if code is null or coalesce(p_amounts[p_leg], 0) = 0 then
        raise exception 'leg % of % on % is malformed', p_leg, p_amounts[p_leg], code using errcode = 'LD006';
    end if;
    select * into v_account from ledger.account a where a.code = p_accounts[p_leg];
    if not found then
        perform ledger.open_missing(p_accounts[p_leg : ]);
        return;
    end if;
    if v_account.stripe > 0 then
        raise exception 'no such account: %', code using errcode = 'LD004', detail = code;
    end if;
    if v_account.stripe = 0 and p_tried is null then
        stripe := p_byte % v_account.stripes;
        first_ours := coalesce(p_first_ours, p_leg);
        code := code || case stripe when 0 then '' else '#' || stripe end;
        return;
    end if;
    if p_leg > 1 and p_leg is distinct from p_first_ours and p_accounts[p_leg] <= p_accounts[p_leg - 1] collate "C"
       or v_account.stripe is null and p_first_ours is not null then
        raise exception 'leg % on % is out of order or a second one', p_leg, code using errcode = 'LD006';
    end if;
    raise exception 'not enough money on %', code using errcode = 'LD002', detail = code;
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
as $$
declare
    v_request bytea := ledger.request_hash(p_key, p_kind, p_ref, p_day, p_accounts, p_amounts);
    v_known   ledger.journal;
    v_month   integer;
    v_digest  bytea;
    v_code    text;
    v_stripe  smallint;              -- null until an account turns out to be the platform's
    v_first   integer;               -- the first leg on an account of the platform
    v_total   bigint := 0;
begin
    -- Whoever closes a day holds this lock alone, so that no journal slips into a day while it closes. Today cannot be
    -- closed: only a journal whose day is given has to look.
    if not pg_try_advisory_xact_lock_shared(1818588263, 1) then
        perform pg_advisory_xact_lock_shared(1818588263, 1);
    end if;
    insert into ledger.journal as j (key, request_hash, kind, ref, effective_on, posted_at)
    select p_key, v_request, p_kind, p_ref, coalesce(p_day, (c.now at time zone 'Asia/Shanghai')::date), c.now
      from (select coalesce(b.fixed_at, now() + b.ahead) as now from public.business_clock b) c
     where cardinality(p_accounts) = cardinality(p_amounts) and cardinality(p_accounts) > 1
       and length(p_key) between 1 and 200 and (p_ref is null or length(p_ref) between 1 and 200)
    on conflict (key) do nothing
    returning j.id, ledger.month_of(j.effective_on),
              ledger.journal_digest(j.id, j.key, j.kind, j.ref, j.effective_on, j.posted_at), false
         into journal_id, v_month, v_digest, replayed;
    if not found then
        select * into v_known from ledger.journal j where j.key = p_key;
        if not found then
            raise exception 'journal % of % legs is malformed', p_key, cardinality(p_accounts) using errcode = 'LD006';
        end if;
        if v_known.request_hash <> v_request then
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

    for i in 1 .. cardinality(p_accounts) loop
        v_code := p_accounts[i];
        v_stripe := null;
        loop
            with moved as (
                update ledger.account a
                   set posted_fen = a.posted_fen + p_amounts[i], room_fen = a.room_fen + p_amounts[i], seq = a.seq + 1,
                       head = ledger.chain(a.head, v_digest, p_amounts[i], a.posted_fen + p_amounts[i])
                 where a.code = v_code and a.stripe is not distinct from v_stripe
                   and (i = 1 or i = v_first or p_accounts[i] > p_accounts[i - 1] collate "C")
                   and (v_first is null or v_stripe is not null) and p_amounts[i] <> 0
                   and (a.room_fen is null or a.room_fen + p_amounts[i] >= 0)
                returning a.id, a.seq, a.posted_fen, a.head
            )
            insert into ledger.entry as e (account_id, seq, month, journal_id, amount_fen, balance_fen, head)
            select m.id, m.seq, v_month, journal_id, p_amounts[i], m.posted_fen, m.head from moved m
            returning v_total + e.amount_fen into v_total;
            exit when found;
            -- Not moved: the account is the platform's, or not open yet, or the leg is refused.
            select f.code, f.stripe, f.first_ours, f.total into v_code, v_stripe, v_first, v_total
              from ledger.find_account(p_accounts, p_amounts, i, get_byte(v_request, 0), v_stripe, v_first) f;
        end loop;
    end loop;
    if v_total <> 0 then
        raise exception 'the legs of journal % sum to %', p_key, v_total using errcode = 'LD006';
    end if;
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
    if cardinality(p_keys) > 1 then
        perform ledger.open_missing(array(select distinct c collate "C" from unnest(p_accounts) c
                                           where not exists (select from ledger.account a where a.code = c)
                                           order by 1));
        perform from ledger.account a
          where a.id in (
                select b.id + get_byte(j.request, 0) % b.stripes
                  from (select p_accounts[l.last - l.legs + 1 : l.last] as accounts,
                               ledger.request_hash(p_keys[l.place], p_kinds[l.place], p_refs[l.place], p_days[l.place],
                                                   p_accounts[l.last - l.legs + 1 : l.last],
                                                   p_amounts[l.last - l.legs + 1 : l.last]) as request
                          from (select n.legs, n.place, (sum(n.legs) over (order by n.place))::integer as last
                                  from unnest(p_leg_counts) with ordinality n (legs, place)) l) j
                  cross join unnest(j.accounts) c (code)
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

-- Turn a hold into a journal: its account pays the sum of the given legs, the rest of the hold is released.
-- A hold past its time may still be captured as long as nobody has released it.
create or replace function ledger.capture_hold(
    p_hold_key text, p_key text, p_kind text, p_ref text, p_day date, p_accounts text[], p_amounts bigint[],
    out journal_id bigint, out replayed boolean
)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_hold   ledger.hold := ledger.lock_hold(p_hold_key);
    v_taken  bigint := (select sum(x) from unnest(p_amounts) x);
    v_source text := (select a.code from ledger.account a where a.id = v_hold.account_id);
begin
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
        perform ledger.open_missing(p_accounts);
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

revoke all on function ledger.open_missing, ledger.request_hash, ledger.find_account, ledger.post,
    ledger.post_many, ledger.capture_hold, ledger.expire_holds from public;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant execute on function ledger.post, ledger.post_many, ledger.capture_hold, ledger.expire_holds to linli_app;
    end if;
end $$;
