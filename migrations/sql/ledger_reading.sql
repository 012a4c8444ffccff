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
