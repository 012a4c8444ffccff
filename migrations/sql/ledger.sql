-- The books (账本): double entry in integer fen. PostgreSQL 15 or newer, no extension.
--
-- One business act is one journal; its entries (legs) sum to zero. Positive is what we owe the account's owner.
-- Journals and entries are only ever added. A correction is a new journal.
--
-- Who writes.   The functions of this file and nobody else: the application's role may EXECUTE them and SELECT from the
--               views.
-- Locks.        hold -> journal keys by key -> accounts of parties by code -> accounts of the platform by code. Each
--               function follows this order, so two of them never wait for each other in a ring, as long as a
--               transaction makes at most one ledger call. The platform's accounts are the busiest rows: they are locked
--               last and shortest. Only an account that is being opened by several journals at once may need the server's
--               deadlock detection: the caller tries again.
-- Isolation.    READ COMMITTED. Every decision is one UPDATE whose WHERE holds the rule; nothing is read first and
--               written later.
-- Chain.        Each entry carries head = sha256(previous head, digest of its journal, amount, balance); the account
--               row carries the latest. A row changed behind our back no longer fits its successors, and ledger.finding
--               names it.
-- Limits.       Counters of legal limits (a person's yearly total, a day's quota) are not kept here. They stand before
--               accounts in the lock order: the use case moves its counter row by a conditional UPDATE first and posts
--               last, in one transaction. account.owner says whose counter a leg belongs to.
-- Partitions.   entry carries the month of its effective day in its primary key; journal holds the keys and stays
--               whole. To split entry by month, attach today's table as the first partition of a new parent; ANALYZE a
--               partition once it has rows.
-- Cost.         PostgreSQL parses the CHECKs of a table anew in every statement that writes it: the tables that a posting
--               writes have none.
-- Posting.      ledger_posting.sql, beside this file, has what posts, and what opens accounts on its way: post,
--               post_many, place_hold, capture_hold, expire_holds; it is run after this one, and so is ledger_proof.sql,
--               which has the proof.
-- Needs.        public.business_now() returns timestamptz: the clock that decides.
--
-- Refusals:     LD001 key reused for another request            LD002 not enough money (DETAIL: account code)
--               LD003 no such hold                              LD004 no such account (DETAIL: code)
--               LD005 hold no longer open (DETAIL: its state)   LD006 malformed request
--               LD007 day is closed (DETAIL: the day)           LD008 capture larger than the hold

create schema ledger;

-- Rules of a single value are domains: PostgreSQL checks a domain when the value is made, a CHECK of a table at every
-- update of the row. What a posting writes it checks itself.
create domain ledger.kind_name as text collate "C" check (value ~ '^[a-z][a-z_]*$');
create domain ledger.account_code as text collate "C" check (value ~ '^[a-z][a-z_]*(:[0-9a-z_-]+)?(#[0-9]+)?$');
create domain ledger.fact_key as text collate "C" check (length(value) between 1 and 200);
create domain ledger.room_fen as bigint check (value >= 0);
create domain ledger.held_fen as bigint check (value >= 0);

-- --------------------------------------------------------------------------------------------------- chart of accounts

create table ledger.account_kind (
    kind            ledger.kind_name primary key,
    title_zh        text     not null,
    owner_kind      text     not null,
    qualifier       text     not null check (qualifier in ('none', 'uuid', 'name')),  -- what follows "kind:" in a code
    sign            smallint not null check (sign in (-1, 0, 1)),         -- the side it normally stands on; 0 = either
    floor_fen       bigint,                                               -- null = may go below zero without bound
    stripes         smallint not null default 1 check (stripes in (1, 2, 4, 8, 16, 32, 64)),
    opens_by_itself boolean  not null,                                    -- opened by the first journal that names it
    has_statement   boolean  not null,                                    -- its owner may read its entries
    meaning         text     not null,
    check (floor_fen is null or stripes = 1),
    check (stripes = 1 or qualifier <> 'uuid')
);

insert into ledger.account_kind
    (kind, title_zh, owner_kind, qualifier, sign, floor_fen, stripes, opens_by_itself, has_statement, meaning)
values
    ('e_account',          '电子账户',     'party',    'uuid',  1, 0,     1, true,  true,
     'spendable balance of a person or of the owner of a merchant'),
    ('fund_holding',       '基金持有',     'resident', 'uuid',  1, 0,     1, false, true,
     'confirmed fund shares at one yuan each'),
    ('fund_pending_in',    '申购在途',     'resident', 'uuid',  1, 0,     1, true,  true,
     'paid for fund shares that are not confirmed yet; neither spendable nor earning'),
    ('fund_pending_out',   '赎回在途',     'resident', 'uuid',  1, 0,     1, true,  true,
     'fund shares redeemed the normal way and not paid out yet'),
    ('escrow',             '订单担保',     'order',    'uuid',  1, 0,     1, true,  false,
     'money of one order between payment and completion; empty when the order is closed'),
    ('merchant_pending',   '商户待结算',   'merchant', 'uuid',  1, 0,     1, true,  true,
     'earned by completed orders, not settled yet'),
    ('merchant_available', '商户可提现',   'merchant', 'uuid',  1, 0,     1, true,  true,
     'settled and free to withdraw'),
    ('merchant_deposit',   '商户保证金',   'merchant', 'uuid',  1, 0,     1, true,  true,
     'security that covers refunds beyond pending and available'),
    ('merchant_debt',      '商户欠款',     'merchant', 'uuid', -1, null,  1, true,  true,
     'owed to us by a merchant whose deposit is used up'),
    ('courier_pending',    '管家待结算',   'courier',  'uuid',  1, 0,     1, true,  true,
     'earned by delivered trips, not settled yet'),
    ('courier_available',  '管家可提现',   'courier',  'uuid',  1, 0,     1, true,  true,
     'settled and free to withdraw'),
    ('store_float',        '体验店备付金', 'store',    'uuid',  1, 0,     1, false, true,
     'cash desk of an experience store'),
    ('disputed',           '争议款',       'payment',  'uuid', -1, null,  1, true,  false,
     'taken back by the provider while a dispute is open; empty when it is decided'),
    ('commission',         '佣金收入',     'platform', 'none',  1, null, 16, true,  false,
     'our share of completed orders'),
    ('delivery_income',    '配送收入',     'platform', 'none',  1, null, 16, true,  false,
     'our share of delivery fees'),
    ('advertising_income', '广告收入',     'platform', 'none',  1, null,  4, true,  false,
     'paid by merchants for placement'),
    ('promotion_expense',  '营销支出',     'platform', 'none', -1, null, 16, true,  false,
     'discounts that the platform bears'),
    ('fee_expense',        '手续费支出',   'platform', 'none', -1, null, 16, true,  false,
     'charged to us by payment providers and banks'),
    ('platform_loss',      '平台损失',     'platform', 'none', -1, null,  4, true,  false,
     'borne by the platform by decision: at its own fault, or with nobody left to pay'),
    ('gateway_clearing',   '支付渠道清算', 'provider', 'name', -1, null, 16, false, false,
     'what a payment provider holds for us'),
    ('bank_settlement',    '银行结算',     'platform', 'none', -1, null, 16, true,  false,
     'our money at the bank; withdrawals leave through it'),
    ('refund_payable',     '待退款',       'platform', 'none',  1, null,  4, true,  false,
     'decided to go back through a payment provider and not left yet'),
    ('biller_payable',     '缴费应付',     'biller',   'name',  1, null,  4, false, false,
     'collected for a biller and not passed on yet'),
    ('fund_omnibus',       '基金总户',     'platform', 'none', -1, null, 16, true,  false,
     'mirror of the shares that the fund company keeps for all holders'),
    ('fund_advance',       '基金待回款',   'platform', 'none', -1, null,  4, true,  false,
     'owed by the fund for shares redeemed ahead of its payment'),
    ('bank_advance',       '银行垫资',     'platform', 'none',  1, null,  4, true,  false,
     'owed to the bank that advances fast redemptions'),
    ('fund_rounding',      '基金尾差',     'platform', 'none',  0, null,  1, true,  false,
     'difference between the income that the fund declares and the whole fen credited to holders'),
    ('suspense',           '待查挂账',     'platform', 'none',  0, null,  1, true,  false,
     'money that cannot be matched yet; every fen of it is an open question');

-- -------------------------------------------------------------------------------------------------------------- tables

-- The code is kind[:owner's UUID or name]. A striped account is a run of rows with consecutive ids: the first carries
-- the plain code and the number of stripes, the others "code#1", "code#2", ...; a journal uses the stripe of the
-- session that posts it.
create table ledger.account (
    id        bigint   primary key generated by default as identity (maxvalue 4611686018427387903),
    code      ledger.account_code not null unique,
    kind      ledger.kind_name    not null references ledger.account_kind,
    owner     uuid,
    stripe    smallint,                                             -- null for an account that belongs to somebody
    stripes   smallint not null default 1,
    posted_fen bigint  not null default 0,                          -- sum of its entries
    held_fen  ledger.held_fen not null default 0,                   -- sum of its open holds
    room_fen  ledger.room_fen,                                      -- what it may still give; null = without bound
    seq       bigint   not null default 0,                          -- number of its latest entry
    head      bytea    not null default '\x00'                      -- chain value of its latest entry
) with (fillfactor = 60);                                           -- room for balances to change in place

create sequence ledger.system_account_id as bigint increment 64 start 4611686018427387904 minvalue 4611686018427387904;
-- The key makes a journal stand once; legs_hash tells a replay from another request under the same key.
create table ledger.journal (
    id           bigint      primary key generated by default as identity,
    key          text collate "C" not null unique,
    legs_hash    bigint      not null,
    kind         text collate "C" not null,
    ref          text collate "C",
    effective_on date        not null,
    posted_at    timestamptz not null
);

-- No foreign keys to account and journal: no statement can remove either, and ledger.finding reports an entry that
-- lacks one.
create table ledger.entry (
    account_id  bigint  not null,
    seq         bigint  not null,
    month       integer not null,
    journal_id  bigint  not null,
    amount_fen  bigint  not null,
    balance_fen bigint  not null,
    head        bytea   not null,
    primary key (account_id, seq, month)
);
create index entry_journal_idx on ledger.entry using brin (journal_id) with (pages_per_range = 16, autosummarize = on);

create table ledger.hold (
    id           bigint      primary key generated always as identity,
    key          ledger.fact_key not null unique,
    request_hash bytea       not null,
    account_id   bigint      not null references ledger.account,
    amount_fen   bigint      not null check (amount_fen > 0),
    state        text        not null default 'open' check (state in ('open', 'captured', 'voided', 'expired')),
    captured_fen bigint      not null default 0 check (captured_fen between 0 and amount_fen),
    journal_key  text,
    placed_at    timestamptz not null,
    expires_at   timestamptz not null,
    closed_at    timestamptz,
    check ((state = 'open') = (closed_at is null)),
    check ((state = 'captured') = (journal_key is not null)),
    check ((state = 'captured') = (captured_fen > 0))
);
create index hold_expiry_idx on ledger.hold (expires_at) where state = 'open';
create index hold_account_idx on ledger.hold (account_id) where state = 'open';

create table ledger.closed_day (
    day       date        primary key,
    closed_at timestamptz not null
);

-- --------------------------------------------------------------------------------------------------- nothing is undone

create function ledger.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of ledger.% is refused: the books only grow', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end $$;

do $$
declare
    v_table text;
begin
    foreach v_table in array array['journal', 'entry', 'closed_day'] loop
        execute format('create trigger refuse_change before update or delete on ledger.%I'
                       ' for each row execute function ledger.refuse_change()', v_table);
    end loop;
    foreach v_table in array array['account', 'hold'] loop
        execute format('create trigger refuse_change before delete on ledger.%I'
                       ' for each row execute function ledger.refuse_change()', v_table);
    end loop;
    foreach v_table in array array['journal', 'entry', 'closed_day', 'account', 'hold'] loop
        execute format('create trigger refuse_truncate before truncate on ledger.%I'
                       ' for each statement execute function ledger.refuse_change()', v_table);
        execute format('alter table ledger.%I enable always trigger refuse_change,'
                       ' enable always trigger refuse_truncate', v_table);
    end loop;
end $$;
-- AFTER, because a BEFORE trigger would lock every row once more on each posting.
create trigger refuse_identity_change after update of id, code, kind, owner, stripe, stripes on ledger.account
    for each row execute function ledger.refuse_change();
alter table ledger.account enable always trigger refuse_identity_change;

-- -------------------------------------------------------------------------------------------------------- chain values

create function ledger.journal_digest(
    p_id bigint, p_key text, p_kind text, p_ref text, p_effective_on date, p_posted_at timestamptz
)
returns bytea language sql stable return
    sha256(int8send(p_id) || date_send(p_effective_on) || timestamptz_send(p_posted_at)
           || convert_to(p_key || chr(31) || p_kind || coalesce(chr(31) || p_ref, ''), 'UTF8'));

create function ledger.chain(p_previous bytea, p_journal_digest bytea, p_amount_fen bigint, p_balance_fen bigint)
returns bytea language sql immutable return
    sha256(p_previous || p_journal_digest || int8send(p_amount_fen) || int8send(p_balance_fen));

create function ledger.month_of(p_day date) returns integer language sql immutable return
    (extract(year from p_day) * 100 + extract(month from p_day))::integer;

-- ---------------------------------------------------------------------------------------------------- opening accounts

-- Open p_code if it is not open; opening twice changes nothing.
create function ledger.open_account(p_code text) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_kind      ledger.account_kind;
    v_qualifier text := substr(p_code, length(split_part(p_code, ':', 1)) + 2);
    v_first_id  bigint;
begin
    select * into v_kind from ledger.account_kind k where k.kind = split_part(p_code, ':', 1);
    if not found
       or p_code <> v_kind.kind || (case v_kind.qualifier when 'none' then '' else ':' || v_qualifier end)
       or v_kind.qualifier = 'name' and v_qualifier !~ '^[a-z0-9][a-z0-9_-]{0,62}$'
       or v_kind.qualifier = 'uuid' and v_qualifier !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        raise exception 'no such account: %', p_code using errcode = 'LD004', detail = p_code;
    end if;
    if v_kind.qualifier = 'uuid' then
        insert into ledger.account (code, kind, owner, room_fen)
        values (p_code, v_kind.kind, v_qualifier::uuid, -v_kind.floor_fen)
        on conflict (code) do nothing;
    elsif not exists (select from ledger.account a where a.code = p_code) then
        v_first_id := nextval('ledger.system_account_id');
        insert into ledger.account (id, code, kind, stripe, stripes, room_fen)
        select v_first_id + s, p_code || case when s > 0 then '#' || s else '' end, v_kind.kind, s,
               case when s = 0 then v_kind.stripes else 1 end, -v_kind.floor_fen
          from generate_series(0, v_kind.stripes - 1) s
        on conflict (code) do nothing;
    end if;
end $$;

-- --------------------------------------------------------------------------------------------------------------- holds

-- Lock a hold and return it.
create function ledger.lock_hold(p_hold_key text) returns ledger.hold
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_hold ledger.hold;
begin
    select * into v_hold from ledger.hold h where h.key = p_hold_key for update;
    if not found then
        raise exception 'no hold %', p_hold_key using errcode = 'LD003', detail = p_hold_key;
    end if;
    return v_hold;
end $$;

-- Release a hold whole. True when it was released before (voided or expired).
create function ledger.void_hold(p_hold_key text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    v_hold ledger.hold := ledger.lock_hold(p_hold_key);
begin
    if v_hold.state in ('voided', 'expired') then
        return true;
    end if;
    if v_hold.state <> 'open' then
        raise exception 'hold % is %', p_hold_key, v_hold.state using errcode = 'LD005', detail = v_hold.state;
    end if;
    update ledger.hold h set state = 'voided', closed_at = public.business_now() where h.id = v_hold.id;
    update ledger.account a
       set held_fen = a.held_fen - v_hold.amount_fen, room_fen = a.room_fen + v_hold.amount_fen
     where a.id = v_hold.account_id;
    return false;
end $$;

-- ------------------------------------------------------------------------------------------------------------- closing

-- Close p_day and every day before it: nothing can take effect on them any more. Waits for journals in flight.
create function ledger.close_day(p_day date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(1818588263, 1);
    if p_day >= (public.business_now() at time zone 'Asia/Shanghai')::date then
        raise exception 'day % is not over', p_day using errcode = 'LD006';
    end if;
    insert into ledger.closed_day (day, closed_at) values (p_day, public.business_now()) on conflict (day) do nothing;
end $$;

-- ------------------------------------------------------------------------------------------------------------- reading

-- One row per account code, stripes added up. An account that was never used has no row.
create view ledger.balance as
    select a.code, a.kind, a.owner, a.posted_fen, a.held_fen, a.posted_fen - a.held_fen as available_fen
      from ledger.account a
     where a.stripe is null
    union all
    select split_part(a.code, '#', 1), a.kind, null, sum(a.posted_fen)::bigint, sum(a.held_fen)::bigint,
           sum(a.posted_fen - a.held_fen)::bigint
      from ledger.account a
     where a.id >= 4611686018427387904
     group by split_part(a.code, '#', 1), a.kind;

-- What an owner may read of an account: one row per entry.
create view ledger.statement as
    select a.code, a.owner, e.seq, j.kind, j.ref, e.amount_fen, e.balance_fen, j.posted_at, j.effective_on
      from ledger.account a
      join ledger.account_kind k on k.kind = a.kind and k.has_statement
      join ledger.entry e on e.account_id = a.id
      join ledger.journal j on j.id = e.journal_id
     where a.stripe is null;

-- The legs of a journal, found by its key.
create view ledger.leg as
    select j.key, j.id as journal_id, j.kind, j.ref, j.effective_on, j.posted_at,
           split_part(a.code, '#', 1) as code, e.amount_fen
      from ledger.journal j
      join ledger.entry e on e.journal_id = j.id
      join ledger.account a on a.id = e.account_id;

-- One row per kind of account; credit and debit columns add up to the same sum.
create view ledger.trial_balance as
    select k.kind, k.title_zh, k.sign, count(a.id) as accounts, coalesce(sum(a.posted_fen), 0)::bigint as posted_fen,
           coalesce(sum(a.posted_fen) filter (where a.posted_fen < 0), 0)::bigint as below_zero_fen,
           coalesce(sum(a.posted_fen) filter (where a.posted_fen > 0), 0)::bigint as above_zero_fen,
           coalesce(sum(a.held_fen), 0)::bigint as held_fen
      from ledger.account_kind k
      left join ledger.account a on a.kind = k.kind
     group by k.kind, k.title_zh, k.sign;

-- ----------------------------------------------------------------------------------------------------- system accounts

select ledger.open_account(kind) from ledger.account_kind where qualifier = 'none' order by kind;
select ledger.open_account('gateway_clearing:stripe');

-- -------------------------------------------------------------------------------------------------------------- rights

revoke all on schema ledger from public;
revoke all on all tables in schema ledger from public;
revoke all on all sequences in schema ledger from public;
revoke all on all functions in schema ledger from public;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant usage on schema ledger to linli_app;
        grant execute on function
            ledger.open_account, ledger.void_hold, ledger.close_day, ledger.month_of, ledger.journal_digest, ledger.chain
            to linli_app;  -- the last three are pure: whoever reads the proof computes with them
        grant select on ledger.balance, ledger.statement, ledger.leg, ledger.trial_balance
            to linli_app;
    end if;
end $$;
