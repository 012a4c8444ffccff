-- Posting (记账): how journals come into the books of ledger.sql, which has their laws. Can be run again.
--
-- Cost.         PL/pgSQL prepares each expression anew in every transaction, and a call of a SQL function that reads a
--               table costs more than reading the table: few expressions, few statements, and the clock is read where
--               the journal is written, as public.business_now() reads it.

-- Kinds are never removed, and only open_account and open_missing add accounts, each from the row of its kind.
alter table ledger.account drop constraint if exists account_kind_fkey;

-- Open some of p_codes that are not open and may open by themselves, in the order of their codes; whoever needs them all
-- calls again until none is missing. Refuses (LD004) when nothing of what is missing opens by itself.
create or replace function ledger.open_missing(p_codes text[]) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan as $$
declare
    v_code text;
begin
    -- Nearly all that opens by itself is somebody's: one statement for all of those.
    insert into ledger.account (code, kind, owner, room_fen)
    select m.code, k.kind, split_part(m.code, ':', 2)::uuid, -k.floor_fen
      from (select distinct c collate "C" as code from unnest(p_codes) c) m
      join ledger.account_kind k on k.kind = split_part(m.code, ':', 1)
     where k.qualifier = 'uuid' and k.opens_by_itself and length(m.code) = length(k.kind) + length(':') + 36
       and not exists (select from ledger.account a where a.code = m.code)
     order by m.code
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

-- Post one journal: p_key, p_kind, p_ref, the effective day (null: today in Shanghai) and the legs, which name plain
-- account codes. A key that is known answers with its journal when the request is the same, and refuses (LD001) when not.
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
    v_leg     record;
    v_last    bigint;
begin
    -- Whoever closes a day holds this lock alone, so that no journal slips into a day while it closes. Today cannot be
    -- closed: only a journal whose day is given has to look.
    if not pg_try_advisory_xact_lock_shared(1818588263, 1) then
        perform pg_advisory_xact_lock_shared(1818588263, 1);
    end if;
    insert into ledger.journal as j (key, request_hash, kind, ref, effective_on, posted_at)
    select p_key, v_request, p_kind, p_ref, coalesce(p_day, (c.now at time zone 'Asia/Shanghai')::date), c.now
      from (select coalesce(b.fixed_at, now() + b.ahead) as now from public.business_clock b) c,
           (select sum(x) as total, count(*) as legs, bool_or(x = 0) as is_void from unnest(p_amounts) x) l
     where l.total = 0 and l.legs >= 2 and not l.is_void and l.legs = cardinality(p_accounts)
       and length(p_key) between 1 and 200 and (p_ref is null or length(p_ref) between 1 and 200)
    on conflict (key) do nothing
    returning j.id, ledger.month_of(j.effective_on),
              ledger.journal_digest(j.id, j.key, j.kind, j.ref, j.effective_on, j.posted_at), false
         into journal_id, v_month, v_digest, replayed;
    if not found then
        select * into v_known from ledger.journal j where j.key = p_key;
        if not found then
            raise exception 'journal % is malformed: % legs that sum to %', p_key, cardinality(p_accounts),
                (select sum(x) from unnest(p_amounts) x) using errcode = 'LD006';
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

    <<posting>>
    loop
        -- In the order of the ids: that is the lock order. The stripe stands so many ids after the account's first row.
        for v_leg in
            select a.id + get_byte(v_request, 0) % a.stripes as id, l.code, l.amount
              from unnest(p_accounts, p_amounts) l (code, amount)
              left join ledger.account a on a.code = l.code and coalesce(a.stripe, 0) = 0
             order by 1 nulls first
        loop
            if v_leg.id is null then
                perform ledger.open_missing(p_accounts);
                continue posting;
            end if;
            if v_leg.id = v_last then
                raise exception 'journal % names account % twice', p_key, v_leg.code using errcode = 'LD006';
            end if;
            with moved as (
                update ledger.account a
                   set posted_fen = a.posted_fen + v_leg.amount, room_fen = a.room_fen + v_leg.amount, seq = a.seq + 1,
                       head = ledger.chain(a.head, v_digest, v_leg.amount, a.posted_fen + v_leg.amount)
                 where a.id = v_leg.id and (a.room_fen is null or a.room_fen + v_leg.amount >= 0)
                returning a.seq, a.posted_fen, a.head
            )
            insert into ledger.entry (account_id, seq, month, journal_id, amount_fen, balance_fen, head)
            select v_leg.id, m.seq, v_month, journal_id, v_leg.amount, m.posted_fen, m.head from moved m;
            if not found then
                raise exception 'not enough money on %', v_leg.code using errcode = 'LD002', detail = v_leg.code;
            end if;
            v_last := v_leg.id;
        end loop;
        exit;
    end loop;
end $$;

-- Post several journals in one call: all of them, or none, in the order given.
--
-- Journal i has p_keys[i], p_kinds[i], p_refs[i], p_days[i] and the next p_leg_counts[i] of the legs (p_accounts,
-- p_amounts). The accounts of all of them are locked in the order of their ids before the first is posted. Two calls that
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
        perform ledger.open_missing(p_accounts);
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
          order by a.id
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

revoke all on function ledger.open_missing, ledger.request_hash, ledger.post, ledger.post_many from public;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant execute on function ledger.post, ledger.post_many to linli_app;
    end if;
end $$;
