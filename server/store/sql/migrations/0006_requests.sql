-- Changes that were asked for under a request id, so that a repetition, through whichever server, is answered and not done again.
-- The row is written by the transaction that makes the change.

create table {schema}.request (
  id text primary key,
  method text not null,
  digest bytea not null,
  reply text not null,
  at timestamptz not null default clock_timestamp());
-- For forgetting them: rows come in the order of time, nearly.
create index on {schema}.request using brin (at) with (pages_per_range = 16);
alter table {schema}.request set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 2000);

-- What was answered to this request within 24 hours; null if it is new.
create function {schema}.find_request(p_id text, p_method text, p_digest bytea) returns text language plpgsql as $$
declare
  known record;
begin
  select method, digest, reply into known from {schema}.request
    where id = p_id and at > clock_timestamp() - interval '24 hours';
  if not found then return null; end if;
  if known.method <> p_method or known.digest <> p_digest then
    perform {schema}.refuse('request_id: another request has had it within 24 hours');
  end if;
  return known.reply;
end $$;

-- Keeps what is answered to a request that was new. If the same one was made meanwhile by another transaction, for whose end it
-- waits, it fails, and the change is undone with it: the caller begins again then, and finds the reply.
create function {schema}.keep_request(p_id text, p_method text, p_digest bytea, p_reply text) returns void language plpgsql as $$
begin
  insert into {schema}.request as r (id, method, digest, reply) values (p_id, p_method, p_digest, p_reply)
    on conflict (id) do update set method = excluded.method, digest = excluded.digest, reply = excluded.reply, at = excluded.at
    where r.at <= clock_timestamp() - interval '24 hours';
  if not found then
    raise exception using errcode = 'serialization_failure', message = 'the same request was made at the same time';
  end if;
end $$;
