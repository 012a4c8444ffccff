-- More views of the books (账本) of ledger.sql: reading only. Can be run again.

-- Where an account of a party stands: its balance, what of it is held, and the number of its latest entry.
create or replace view ledger.head as
    select a.code, a.posted_fen, a.held_fen, a.posted_fen - a.held_fen as available_fen, a.seq
      from ledger.account a
     where a.stripe is null;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant select on ledger.head to linli_app;
    end if;
end $$;

-- Every entry with what its chain value is made of, stripes by themselves: for seals, exports and reports of any moment.
create or replace view ledger.record as
    select a.code, a.kind as account_kind, e.seq, e.month, j.id as journal_id, j.key, j.kind, j.ref, j.effective_on,
           j.posted_at, e.amount_fen, e.balance_fen, e.head
      from ledger.entry e
      join ledger.account a on a.id = e.account_id
      join ledger.journal j on j.id = e.journal_id;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant select on ledger.record to linli_app;
    end if;
end $$;
