-- The proof of the whole books (账本): what is wrong, and where. Needs ledger.sql; can be run again.
--
-- Cost.         Entries are sorted once by account and place, each beside its journal's digest, which is made once. An
--               account whose links all fit is what its latest entry says: its entries are added up only where something
--               does not fit. Two processes read and sort, where the server has a second one to give; its limits stand at
--               the function, so that no session's settings and no stale statistics make a proof of minutes. Nothing large
--               is kept in memory that processes share: some servers have little of it.

alter function ledger.journal_digest parallel safe;
alter function ledger.chain parallel safe;
alter function ledger.month_of parallel safe;

-- One row per thing that is wrong. Sound books have none.
create or replace function ledger.findings()
returns table (finding text, code text, seq bigint, journal_id bigint, detail text)
language sql stable security definer set search_path = pg_catalog, pg_temp
set work_mem = '128MB' set jit = off set enable_seqscan = on set enable_nestloop = off set enable_parallel_hash = off
set max_parallel_workers_per_gather = 1 set parallel_setup_cost = 0 set parallel_tuple_cost = 0 as $$
    with links as materialized (  -- of each account the latest entry, and each that does not fit the one before it
        select l.*
          from (select w.account_id, w.seq, w.journal_id, w.amount_fen, w.balance_fen, w.head, w.previous_seq,
                       w.previous_balance, w.is_last,
                       w.seq <> w.previous_seq + 1 or w.balance_fen <> w.previous_balance + w.amount_fen
                       or w.head is distinct from
                          ledger.chain(w.previous_head, w.digest, w.amount_fen, w.balance_fen) as is_loose
                  from (select e.account_id, e.seq, e.journal_id, e.amount_fen, e.balance_fen, e.head, j.digest,
                               lag(e.seq, 1, 0::bigint) over chain as previous_seq,
                               lag(e.balance_fen, 1, 0::bigint) over chain as previous_balance,
                               lag(e.head, 1, '\x00'::bytea) over chain as previous_head,
                               lead(e.seq) over chain is null as is_last
                          from ledger.entry e
                          left join (select j.id, (date_part('year', j.effective_on) * 100
                                                   + date_part('month', j.effective_on))::integer as month,
                                            ledger.journal_digest(j.id, j.key, j.kind, j.ref, j.effective_on,
                                                                  j.posted_at) as digest
                                       from ledger.journal j) j on j.id = e.journal_id and j.month = e.month
                        window chain as (partition by e.account_id order by e.seq)) w) l
         where l.is_last or l.is_loose
    ), odd as materialized (
        select coalesce(a.id, l.account_id) as account_id, l.seq, l.journal_id, l.amount_fen, l.balance_fen,
               l.previous_seq, l.previous_balance, l.is_loose or l.is_last and a.head is distinct from l.head as is_loose
          from links l
          full join ledger.account a on a.id = case when l.is_last then l.account_id end
         where l.is_loose or a.id is null or a.posted_fen <> coalesce(l.balance_fen, 0)
            or a.seq <> coalesce(l.seq, 0) or l.is_last and a.head <> l.head
    ), added_up as (
        select e.account_id, sum(e.amount_fen) as total, max(e.seq) as last, count(*) as entries
          from ledger.entry e
         where e.account_id = any (array(select o.account_id from odd o))
         group by e.account_id
    ), named as (
        select a.id, a.code::text, a.posted_fen, a.seq
          from ledger.account a
         where a.id = any (array(select o.account_id from odd o))
    ), legs as materialized (
        select e.journal_id, count(*) as count, sum(e.amount_fen) as total from ledger.entry e group by e.journal_id
    )
    select 'bad_account', a.code, null::bigint, null::bigint,
           format('balance %s, entries %s; sequence %s, last %s of %s',
                  a.posted_fen, e.total, a.seq, e.last, e.entries)
      from named a
      full join added_up e on e.account_id = a.id
     where a.id is null or a.posted_fen <> coalesce(e.total, 0)
        or a.seq <> coalesce(e.last, 0) or a.seq <> coalesce(e.entries, 0)
    union all
    select 'bad_hold', a.code, null, null, format('held %s, open holds %s', a.held_fen, coalesce(h.total, 0))
      from ledger.account a
      left join (select account_id, sum(amount_fen) as total from ledger.hold where state = 'open' group by 1) h
        on h.account_id = a.id
     where a.held_fen <> coalesce(h.total, 0)
    union all
    select 'bad_hold', a.code, null, j.id,
           format('hold %s took %s, its journal %s', h.key, h.captured_fen, coalesce(-e.amount_fen, 0))
      from ledger.hold h
      join ledger.account a on a.id = h.account_id
      left join ledger.journal j on j.key = h.journal_key
      left join ledger.entry e on e.journal_id = j.id and e.account_id = h.account_id
     where h.state = 'captured' and h.captured_fen is distinct from -e.amount_fen
    union all
    select 'bad_journal', null, null, g.journal_id, format('%s legs that sum to %s', g.count, g.total)
      from legs g
     where g.total <> 0 or g.count < 2
    union all
    select 'empty_journal', null, null, j.id, format('journal %s has no legs', j.key)
      from ledger.journal j
     where ((select count(*) from legs) <> (select count(*) from ledger.journal)
            or exists (select from odd o where o.is_loose))  -- an entry of no journal would make up for an empty one
       and not exists (select from legs g where g.journal_id = j.id)
    union all
    select 'bad_link', a.code, o.seq, o.journal_id,
           format('amount %s, balance %s after %s, predecessor %s',
                  o.amount_fen, o.balance_fen, o.previous_balance, o.previous_seq)
      from odd o
      left join named a on a.id = o.account_id
     where o.is_loose
    union all
    select 'negative_account', a.code, null, null,
           format('posted %s, held %s, room %s, floor %s', a.posted_fen, a.held_fen, a.room_fen, k.floor_fen)
      from ledger.account a
      join ledger.account_kind k on k.kind = a.kind
     where a.room_fen is distinct from a.posted_fen - a.held_fen - k.floor_fen or a.room_fen < 0
$$;

create or replace view ledger.finding as
    select f.finding, f.code collate "C" as code, f.seq, f.journal_id, f.detail collate "C" as detail
      from ledger.findings() f;

-- The proof: one row, one snapshot, all zero when the books are sound.
create or replace view ledger.books as
    select (select coalesce(sum(posted_fen), 0) from ledger.account)::bigint as sum_balances,
           (select coalesce(sum(amount_fen), 0) from ledger.entry)::bigint as sum_entries,
           count(*) filter (where f.finding = 'bad_account') as bad_accounts,
           count(*) filter (where f.finding = 'bad_hold') as bad_holds,
           count(*) filter (where f.finding = 'bad_journal') as bad_journals,
           count(*) filter (where f.finding = 'empty_journal') as empty_journals,
           count(*) filter (where f.finding = 'bad_link') as bad_links,
           count(*) filter (where f.finding = 'negative_account') as negative_accounts
      from ledger.finding f;

revoke all on function ledger.findings from public;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant execute on function ledger.findings to linli_app;
        grant select on ledger.finding, ledger.books to linli_app;
    end if;
end $$;
