-- Jobs that a stopped pool leaves locked although it has not begun them (keep_undispatched_locked): the pool says so, so that they
-- are known from those that it may be running, and can be freed without counting their attempt.

alter table {schema}.claim add kept bigint[] not null default '{}';

-- Frees what a worker holds whose lease has ended, and ends the lease. Its claims that are on the way come before or fail.
-- What another transaction works on is left for the next call. Returns the jobs that were freed.
create or replace function {schema}.rescue(p_worker int) returns setof bigint
language plpgsql as $$
declare
  claims bigint[];
  reports {schema}.report[];
begin
  -- Waits for claims under way (they hold the row FOR KEY SHARE); later ones find the lease ended.
  perform from {schema}.worker where id = p_worker for update;
  update {schema}.worker set ended_at = clock_timestamp(), idle = false where id = p_worker and ended_at is null;
  select array_agg(id) into claims from (select id from {schema}.claim where worker = p_worker order by id for update skip locked) x;
  if claims is null then return; end if;
  -- An attempt that was not the last is counted. A last one is, and then was the last, only if its start is on record. What a
  -- stopped pool has left locked without having begun it is not counted.
  select array_agg(row(c.id, j.id, case when unbegun then 'g' else 'l' end, a + 1, last and started, 0, 0, 0,
      case when unbegun then null when started then 'worker lost' else 'worker lost, start unknown' end,
      null, null, null)::{schema}.report)
    into reports
    from {schema}.claim c cross join unnest(c.first_ids, c.counts, c.attempts) h(first_id, jobs, a)
    cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i join {schema}.job j on j.id = i
    cross join lateral (select a + 1 >= j.max_attempts as last, i = any (c.started_last) as started) s
    cross join lateral (select last and not started or i = any (c.kept) as unbegun) n
    where c.id = any (claims) and not i = any (c.returned)
      and not exists (select from {schema}.attempt_outcome o where o.job_id = i and o.claim_id = c.id);
  return query select s.job_id from {schema}.settle(p_worker, reports) s where s.verdict in ('a', 's');
  -- What is left of them held nothing any more.
  delete from {schema}.claim where id = any (claims) and open_jobs = 0;
end $$;

-- Makes jobs available that stopped pools have left locked for longer than this, with their attempt uncounted. Never waits for a lock:
-- what is locked is found by a later call. Returns how many.
create function {schema}.reset_overdue(p_lock_timeout_ms bigint) returns int language plpgsql as $$
declare
  claims bigint[];
  reports {schema}.report[];
  owner int;
  freed int := 0;
begin
  select array_agg(id) into claims from (
    select id from {schema}.claim where kept <> '{}' and claimed_at < clock_timestamp() - p_lock_timeout_ms * interval '1 ms'
    order by id for no key update skip locked) x;
  -- One call of settle is for one worker.
  for owner, reports in
    select c.worker, array_agg(row(c.id, i, 'g', 0, false, 0, 0, 0, null, null, null, null)::{schema}.report)
    from {schema}.claim c cross join unnest(c.kept) i
    where c.id = any (claims) and not i = any (c.returned)
      and not exists (select from {schema}.attempt_outcome o where o.job_id = i and o.claim_id = c.id)
    group by 1
  loop
    freed := freed + (select count(*) from {schema}.settle(owner, reports) where verdict in ('a', 's'));
  end loop;
  return freed;
end $$;
