-- The proof of what is new in the books (账本): every journal after a mark, the links of its entries to what stood before
-- them, and where the accounts it moved stand now. What is before the mark is taken for granted: ledger.finding looks at
-- everything, ledger.findings_again whether what was proven earlier is still the same. Can be run again.

create or replace function ledger.findings_since(p_mark bigint)
returns table (finding text, code text, seq bigint, journal_id bigint, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp
set work_mem = '64MB' set enable_seqscan = off set enable_nestloop = off as $$
    with told as materialized (
        select j.id, j.key,
               (date_part('year', j.effective_on) * 100 + date_part('month', j.effective_on))::integer as month,
               ledger.journal_digest(j.id, j.key, j.kind, j.ref, j.effective_on, j.posted_at) as digest
          from ledger.journal j
         where j.id > p_mark
    ), legs as materialized (
        select e.journal_id, count(*) as count, sum(e.amount_fen) as total
          from ledger.entry e
         where e.journal_id > p_mark
         group by e.journal_id
    ), fresh as materialized (  -- of each account the first and the latest; of those between them what does not fit
        select l.*
          from (select f.account_id, f.seq, f.journal_id, f.amount_fen, f.balance_fen, f.head, f.digest, f.is_last,
                       f.previous_seq, f.previous_balance, f.previous_seq is not null
                       and (f.seq <> f.previous_seq + 1 or f.balance_fen <> f.previous_balance + f.amount_fen
                            or f.head is distinct from
                               ledger.chain(f.previous_head, f.digest, f.amount_fen, f.balance_fen)) as is_loose
                  from (select e.account_id, e.seq, e.journal_id, e.amount_fen, e.balance_fen, e.head, j.digest,
                               lag(e.seq) over chain as previous_seq, lag(e.balance_fen) over chain as previous_balance,
                               lag(e.head) over chain as previous_head, lead(e.seq) over chain is null as is_last
                          from ledger.entry e
                          left join told j on j.id = e.journal_id and j.month = e.month
                         where e.journal_id > p_mark
                        window chain as (partition by e.account_id order by e.seq)) f) l
         where l.previous_seq is null or l.is_last or l.is_loose
    ), held as materialized (
        select o.account_id, sum(o.amount_fen)::bigint as total from ledger.hold o where o.state = 'open' group by 1
    ), accounts as materialized (  -- those that moved and those with holds, by their numbers
        select a.id, a.code::text, a.kind::text, a.posted_fen, a.held_fen::bigint, a.room_fen::bigint, a.seq, a.head
          from ledger.account a
         where a.id = any (array(select l.account_id from fresh l where l.is_last union select h.account_id from held h))
    ), moved as materialized (
        select a.code, l.account_id, l.seq, l.journal_id, l.balance_fen, a.posted_fen, a.seq as account_seq,
               a.held_fen, coalesce(h.total, 0) as open_fen, a.room_fen, k.floor_fen,
               a.id is null or a.posted_fen <> l.balance_fen or a.seq <> l.seq or a.head <> l.head as is_off
          from fresh l
          left join accounts a on a.id = l.account_id
          left join ledger.account_kind k on k.kind = a.kind
          left join held h on h.account_id = a.id
         where l.is_last
    )
    select 'bad_journal', null::text, null::bigint, g.journal_id, format('%s legs that sum to %s', g.count, g.total)
      from legs g where g.total <> 0 or g.count < 2
    union all
    select 'empty_journal', null, null, j.id, format('journal %s has no legs', j.key)
      from told j
     where not exists (select from legs g where g.journal_id = j.id)
    union all
    select 'bad_link', (select a.code from accounts a where a.id = l.account_id), l.seq, l.journal_id,
           format('amount %s, balance %s after %s, predecessor %s',
                  l.amount_fen, l.balance_fen, l.previous_balance, l.previous_seq)
      from (select f.account_id, f.seq, f.journal_id, f.amount_fen, f.balance_fen, f.previous_seq, f.previous_balance
              from fresh f
             where f.is_loose
            union all
            select f.account_id, f.seq, f.journal_id, f.amount_fen, f.balance_fen, coalesce(b.seq, 0),
                   coalesce(b.balance_fen, 0)
              from fresh f
              left join lateral (  -- looked up one by one: there are as many as accounts, among the entries of all time
                   select b.seq, b.balance_fen, b.head
                     from ledger.entry b
                    where f.seq > 1 and b.account_id = f.account_id and b.seq = f.seq - 1
                   offset 0) b on true
             where f.previous_seq is null
               and (f.seq <> coalesce(b.seq, 0) + 1 or f.balance_fen <> coalesce(b.balance_fen, 0) + f.amount_fen
                    or f.head is distinct from
                       ledger.chain(coalesce(b.head, '\x00'::bytea), f.digest, f.amount_fen, f.balance_fen))) l
    union all
    select 'bad_account', m.code, m.seq, m.journal_id,
           format('balance %s, its latest entry says %s; sequence %s, the latest %s',
                  m.posted_fen, m.balance_fen, m.account_seq, m.seq)
      from moved m
     where m.is_off
    union all
    select 'bad_hold', m.code, null, null, format('held %s, open holds %s', m.held_fen, m.open_fen)
      from moved m
     where m.held_fen <> m.open_fen
    union all
    select 'bad_hold', a.code, null, null, format('held %s, open holds %s', a.held_fen, h.total)
      from held h
      join accounts a on a.id = h.account_id
     where a.held_fen <> h.total and not exists (select from moved m where m.account_id = a.id)
    union all
    select 'negative_account', m.code, null, null,
           format('posted %s, held %s, room %s, floor %s', m.posted_fen, m.held_fen, m.room_fen, m.floor_fen)
      from moved m
     where m.room_fen is distinct from m.posted_fen - m.held_fen - m.floor_fen or m.room_fen < 0
$$;

-- What tells a row of the books from any other, in place of the row: a change shows, short of one in 2^64. PostgreSQL
-- keeps its extended hashes for ever: partitions go by them.
create or replace function ledger.print_of_entry(e ledger.entry) returns bigint language sql immutable parallel safe return
    hashint8extended(e.account_id, hashint8extended(e.seq, hashint8extended(e.journal_id, hashint8extended(e.amount_fen,
        hashint8extended(e.balance_fen, hash_array_extended(array[e.head], e.month))))));

create or replace function ledger.print_of_journal(j ledger.journal) returns bigint language sql immutable parallel safe return
    hashint8extended(j.id, hashtextextended(j.key, hashint8extended(j.legs_hash, hashtextextended(j.kind,
        hashtextextended(coalesce(j.ref, ''), hashint8extended(j.effective_on - date '2000-01-01',
            timestamp_hash_extended(j.posted_at at time zone 'UTC', 0)))))));

-- The print of the journals after p_after up to p_to with their entries. Prints of neighboring parts add up.
create or replace function ledger.print_of(p_after bigint, p_to bigint) returns numeric
language sql stable security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
    select (select coalesce(sum(ledger.print_of_journal(j)), 0) from ledger.journal j where j.id > p_after and j.id <= p_to)
         + (select coalesce(sum(ledger.print_of_entry(e)), 0) from ledger.entry e
             where e.journal_id > p_after and e.journal_id <= p_to)
$$;

-- Whether the journals after p_after up to p_to, which were proven, are as they were then (p_print), and whether the
-- accounts that they moved stand where the entries say: where these do, or where a later one does, which is looked at with
-- what is new. ledger.findings_since(p_after) names what was changed.
create or replace function ledger.findings_again(p_after bigint, p_to bigint, p_print numeric)
returns table (finding text, code text, seq bigint, journal_id bigint, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp
set work_mem = '64MB' set enable_seqscan = off set enable_nestloop = off as $$
    with accounts as materialized (
        select a.id, a.code::text, a.posted_fen, a.seq, a.head
          from ledger.account a
         where a.id = any (array(select distinct e.account_id from ledger.entry e
                                  where e.journal_id > p_after and e.journal_id <= p_to))
    ), entries as materialized (  -- their print, who stands at one, and whether an account stands before or beside one
        select coalesce(sum(ledger.print_of_entry(e)), 0) as print,
               array_agg(e.account_id) filter (where a.seq = e.seq) as standing,
               coalesce(bool_or(a.id is null or a.seq < e.seq
                   or a.seq = e.seq and (a.posted_fen <> e.balance_fen or a.head <> e.head)), false) as is_odd
          from ledger.entry e
          left join accounts a on a.id = e.account_id
         where e.journal_id > p_after and e.journal_id <= p_to
    ), ahead as materialized (  -- those that stand behind all of these, few
        select a.* from accounts a
         where not exists (select from unnest((select o.standing from entries o)) as s (id) where s.id = a.id)
    ), journals as (
        select coalesce(sum(ledger.print_of_journal(j)), 0) as print
          from ledger.journal j
         where j.id > p_after and j.id <= p_to
    )
    select 'changed_part', null::text, null::bigint, null::bigint,
           format('journals %s to %s are not what was proven', p_after + 1, p_to)
      from entries e, journals j
     where e.print + j.print <> p_print
    union all
    select 'bad_account', l.code, l.seq, null,
           format('balance %s, its latest entry says %s; sequence %s, the latest %s',
                  l.posted_fen, l.balance_fen, l.account_seq, l.seq)
      from (select distinct on (e.account_id) a.code, a.id, a.posted_fen, a.seq as account_seq, a.head as account_head,
                   e.seq, e.balance_fen, e.head
              from ledger.entry e
              left join accounts a on a.id = e.account_id
             where (select o.is_odd from entries o) and e.journal_id > p_after and e.journal_id <= p_to
             order by e.account_id, e.seq desc) l
     where l.id is null or l.account_seq < l.seq
        or l.account_seq = l.seq and (l.posted_fen <> l.balance_fen or l.account_head <> l.head)
    union all
    select 'bad_account', a.code, a.seq, null, format('balance %s; there is no entry %s', a.posted_fen, a.seq)
      from ahead a
      left join lateral (  -- looked up one by one, among the entries of all time
           select b.seq from ledger.entry b where b.account_id = a.id and b.seq = a.seq offset 0) b on true
     where b.seq is null
$$;

-- The latest journal that can be seen, 0 when there is none. Earlier ones may still be on their way.
create or replace function ledger.latest_journal() returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
return (select coalesce(max(j.id), 0) from ledger.journal j);

revoke all on function ledger.findings_since, ledger.findings_again, ledger.print_of, ledger.latest_journal from public;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant execute on function ledger.findings_since, ledger.findings_again, ledger.print_of, ledger.latest_journal
            to linli_app;
    end if;
end $$;
