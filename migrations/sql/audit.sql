-- The audit log (审计日志): who did what, to whom, from where, why, and how it ended. It only grows.
--
-- audit.act      one row per act, written by the transaction that did it. No lock is shared between two acts.
-- audit.waiting  acts that are not in the chain yet; filled by a trigger, emptied by audit.seal_acts alone.
-- audit.seal     the chain: head = sha256(previous head, place, digest of the act). One sealer at a time gives places.
-- audit.finding  what is wrong with the log, and where; empty when it is sound.
--
-- It holds ids, fen, states and short references. An address is kept as its network and as a keyed digest, so that the
-- log proves a suspicion about an address and tells nobody's.

create schema audit;

create table audit.act (
    act_id        uuid        primary key,
    acted_at      timestamptz not null default clock_timestamp(),
    account_id    uuid,
    session_id    uuid,
    side          text        not null check (side in ('user', 'merchant', 'courier', 'store', 'platform', 'system')),
    verb          text        not null check (length(verb) between 1 and 64),
    subject_kind  text,
    subject_id    uuid,
    whom_id       uuid,
    network       text,
    address_index bytea,
    why           text        check (length(why) <= 64),
    outcome       text        not null check (outcome in ('done', 'refused')),
    details       jsonb       not null default '{}'
);
create index act_by_account on audit.act (account_id, act_id);
create index act_by_subject on audit.act (subject_id, act_id);
create index act_by_whom on audit.act (whom_id, act_id) where whom_id is not null;

create table audit.waiting (
    act_id uuid primary key references audit.act
);

create table audit.seal (
    seq       bigint      primary key,
    act_id    uuid        not null unique references audit.act,
    head      bytea       not null,
    sealed_at timestamptz not null default clock_timestamp()
);

create function audit.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% of audit.% is refused: the audit log only grows', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end $$;

do $$
declare
    v_table text;
begin
    foreach v_table in array array['act', 'seal'] loop
        execute format('create trigger refuse_change before update or delete on audit.%I'
                       ' for each row execute function audit.refuse_change()', v_table);
        execute format('create trigger refuse_truncate before truncate on audit.%I'
                       ' for each statement execute function audit.refuse_change()', v_table);
        execute format('alter table audit.%I enable always trigger refuse_change,'
                       ' enable always trigger refuse_truncate', v_table);
    end loop;
end $$;

create function audit.await_seal() returns trigger language plpgsql security definer set search_path = pg_catalog as $$
begin
    insert into audit.waiting (act_id) values (new.act_id);
    return null;
end $$;
create trigger await_seal after insert on audit.act for each row execute function audit.await_seal();
alter table audit.act enable always trigger await_seal;

-- What an act is, as bytes: every column, in one form that no setting of a session changes.
create function audit.digest(a audit.act) returns bytea language sql stable set search_path = pg_catalog as $$
    select sha256(convert_to(jsonb_build_array(
        a.act_id, extract(epoch from a.acted_at), a.account_id, a.session_id, a.side, a.verb, a.subject_kind,
        a.subject_id, a.whom_id, a.network, encode(a.address_index, 'hex'), a.why, a.outcome, a.details)::text, 'UTF8'))
$$;

create function audit.link(p_previous bytea, p_seq bigint, p_digest bytea) returns bytea language sql immutable as $$
    select sha256(p_previous || int8send(p_seq) || p_digest)
$$;

-- Give at most p_limit waiting acts their places in the chain; return how many. Two sealers take turns.
create function audit.seal_acts(p_limit integer) returns integer
language plpgsql security definer set search_path = pg_catalog as $$
declare
    v_act   audit.act;
    v_seq   bigint;
    v_head  bytea;
    v_count integer := 0;
begin
    perform pg_advisory_xact_lock(7146117);
    select s.seq, s.head into v_seq, v_head from audit.seal s order by s.seq desc limit 1;
    v_seq := coalesce(v_seq, 0);
    v_head := coalesce(v_head, '\x00'::bytea);
    for v_act in
        select a.* from audit.waiting w join audit.act a on a.act_id = w.act_id order by w.act_id limit p_limit
    loop
        v_seq := v_seq + 1;
        v_head := audit.link(v_head, v_seq, audit.digest(v_act));
        insert into audit.seal (seq, act_id, head) values (v_seq, v_act.act_id, v_head);
        delete from audit.waiting where act_id = v_act.act_id;
        v_count := v_count + 1;
    end loop;
    return v_count;
end $$;

create view audit.finding as
    select 'bad_link' as finding, l.seq, l.act_id,
           format('place %s after %s', l.seq, l.previous_seq) as detail
      from (select s.*, lag(s.seq, 1, 0::bigint) over chain as previous_seq,
                   lag(s.head, 1, '\x00'::bytea) over chain as previous_head
              from audit.seal s window chain as (order by s.seq)) l
      left join audit.act a on a.act_id = l.act_id
     where l.seq <> l.previous_seq + 1
        or a.act_id is null
        or l.head is distinct from audit.link(l.previous_head, l.seq, audit.digest(a))
    union all
    select 'unsealed', null, a.act_id, format('done at %s, neither sealed nor waiting', a.acted_at)
      from audit.act a
     where not exists (select from audit.seal s where s.act_id = a.act_id)
       and not exists (select from audit.waiting w where w.act_id = a.act_id);

create view audit.sealed_act as
    select s.seq, s.head, a.* from audit.seal s join audit.act a on a.act_id = s.act_id;

revoke all on schema audit from public;
revoke all on all tables in schema audit from public;
revoke all on all functions in schema audit from public;

do $$
begin
    if exists (select from pg_catalog.pg_roles where rolname = 'linli_app') then
        grant usage on schema audit to linli_app;
        grant select, insert on audit.act to linli_app;
        grant select on audit.seal, audit.waiting, audit.finding, audit.sealed_act to linli_app;
        grant execute on function audit.seal_acts, audit.digest, audit.link to linli_app;
    end if;
end $$;
