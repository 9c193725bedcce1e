-- Failing for good. As cancelling, but the job ends exhausted, so that it can be retried: one that waits at once, one that a pool
-- holds by the same mark. Its history has an outcome of its own, x, with the reason; attempt 0 where the job had not begun.
-- A server that is older than this takes the verdict x for stale, and shows the outcome x as lost and the mark as that of a cancelled job;
-- what becomes of jobs is the same.

alter table {schema}.cancel_mark add outcome "char" not null default 'k';  -- what it ends with: k cancelled, x failed for good

-- As before, and new: jobs that an operator has failed for good. Ends the hold of claims on jobs, as the reports say: the one place where
-- a job leaves a claim, but for plain completions (CompletePlain). outcome as in attempt_outcome, or g: given back, which leaves no outcome.
-- verdict: a accepted; s accepted, but the job has ended, cancelled, for the reason given: another job has taken its key, or an
-- operator has cancelled it; x accepted, but the job is exhausted, for the reason given: an operator has failed it for good; z stale, the
-- claim does not hold the job; w wait: another transaction is replacing the job's key, report it again later; nothing was changed for the
-- last two. REQUIRES: a job_id once only.
create or replace function {schema}.settle(p_worker int, p_reports {schema}.report[]) returns setof {schema}.settled
language plpgsql as $$
declare
  reports {schema}.report[];  -- those that a claim holds
  busy bigint[];
  superseded bigint[];
  ended bigint[];  -- superseded, or cancelled or failed for good by an operator
  moment timestamptz := clock_timestamp();
  number bigint;
begin
  perform from {schema}.claim where id in (select claim_id from unnest(p_reports)) order by id for no key update;
  -- The claim knows the attempt; what the report says of it does not count.
  with held as materialized (
    select c.id claim_id, i job_id, (h.attempts + 1)::smallint attempt
    from {schema}.claim c cross join unnest(c.first_ids, c.counts, c.attempts) h(first_id, jobs, attempts)
    cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i
    where c.id in (select claim_id from unnest(p_reports)) and not i = any (c.returned))
  select array_agg(row(u.claim_id, u.job_id, u.outcome, held.attempt, u.exhausted, u.delay_ms, u.execution_us, u.queue_us,
      u.error_message, u.error_detail, u.result, u.partial_success)::{schema}.report)
    into reports from unnest(p_reports) u join held on held.claim_id = u.claim_id and held.job_id = u.job_id
    where not exists (select from {schema}.attempt_outcome o where o.job_id = u.job_id and o.claim_id = u.claim_id);
  -- Jobs that did not complete must still hold their keys; whoever holds the lock may be taking one.
  with keyed as materialized (
    select j.id, j.job_key from unnest(reports) u join {schema}.job j on j.id = u.job_id
    where j.job_key is not null and u.outcome <> 'c' and (u.outcome <> 'k'
      or exists (select from {schema}.cancel_mark m where m.job_id = u.job_id and m.outcome = 'x'))),
  locked as materialized (
    select k.job_key, k.job_id from {schema}.job_key k where k.job_key in (select job_key from keyed)
    order by k.job_key for no key update skip locked)
  select array_agg(keyed.id) filter (where locked.job_key is null and k.job_key is not null),
         array_agg(keyed.id) filter (where locked.job_id <> keyed.id or k.job_key is null)
    into busy, superseded
    from keyed left join locked using (job_key) left join {schema}.job_key k using (job_key);
  if busy is not null then
    select array_agg(u) into reports from unnest(reports) u where not u.job_id = any (busy);
  end if;
  -- Nor go on if an operator has cancelled them or failed them for good; the latter also where the handler, asked to stop, cancels the job.
  -- What was given back has not run: it has no attempt.
  select array_agg(u.job_id) into ended from unnest(reports) u
    where u.job_id = any (superseded)
      or u.outcome <> 'c' and exists (
        select from {schema}.cancel_mark m where m.job_id = u.job_id and (m.outcome = 'x' or u.outcome <> 'k'));
  if ended is not null then
    select array_agg(case when u.job_id = any (ended)
        then row(u.claim_id, u.job_id, e.outcome, case when u.outcome = 'g' then 0 else u.attempt end, e.outcome = 'x', 0,
          u.execution_us, u.queue_us, e.reason, u.error_message, null, u.partial_success)::{schema}.report
        else u end)
      into reports from unnest(reports) u left join {schema}.cancel_mark m using (job_id)
      cross join lateral (select case when u.job_id = any (superseded) then 'k' else m.outcome end outcome,
                                 case when u.job_id = any (superseded) then 'superseded' else m.reason end reason) e;
  end if;
  delete from {schema}.cancel_mark where job_id in (select job_id from unnest(reports));
  delete from {schema}.progress where job_id in (select job_id from unnest(reports));

  number := nextval('{schema}.recording_sequence');
  insert into {schema}.attempt_outcome (job_id, claim_id, recording, finished_at, execution_us, queue_us, worker, attempt, outcome, final)
    select job_id, claim_id, number, moment, execution_us, queue_us, p_worker, attempt, outcome, outcome in ('c', 'k')
    from unnest(reports) where outcome <> 'g';
  insert into {schema}.attempt_detail (job_id, claim_id, error_message, error_detail, result, partial_success)
    select job_id, claim_id, error_message, error_detail, result, partial_success from unnest(reports)
    where outcome <> 'g' and coalesce(error_message, error_detail, result::text, partial_success::text) is not null;

  -- What a later attempt has to know. An interruption leaves the time as it was.
  insert into {schema}.job_memory as m (job_id, run_at, interruptions, partial_success)
    select job_id, case when outcome <> 'i' then moment + delay_ms * interval '1 ms' end, (outcome = 'i')::int, partial_success
    from unnest(reports) where outcome in ('f', 'x', 'p', 's', 'i', 'l')
    on conflict (job_id) do update set
      run_at = coalesce(excluded.run_at, m.run_at),
      interruptions = least(m.interruptions::int + excluded.interruptions, 32767),
      partial_success = coalesce(excluded.partial_success, m.partial_success);
  delete from {schema}.job_memory where job_id in (select job_id from unnest(reports) where outcome in ('c', 'k'));

  -- Where they go.
  insert into {schema}.exhausted (id, since) select job_id, moment from unnest(reports) where exhausted;
  insert into {schema}.scheduled (due, id, attempts, queue, remembered)
    select moment + delay_ms * interval '1 ms', u.job_id, case when outcome = 's' then attempt - 1 else attempt end, j.queue, true
    from unnest(reports) u join {schema}.job j on j.id = u.job_id where outcome in ('f', 'p', 's') and not exhausted;
  perform {schema}.put_back(array_agg(row(job_id, case when outcome = 'l' then attempt else attempt - 1 end,
      exists (select from {schema}.job_memory m where m.job_id = u.job_id))::{schema}.waiting))
    from unnest(reports) u where outcome in ('i', 'g', 'l') and not exhausted having count(*) > 0;

  -- A key that an open transaction of an application has locked stays behind; it counts as free.
  delete from {schema}.job_key where ctid = any (array(
    select k.ctid from unnest(reports) u join {schema}.job j on j.id = u.job_id
    join {schema}.job_key k on k.job_key = j.job_key and k.job_id = j.id
    where u.outcome in ('c', 'k') or u.exhausted for update of k skip locked));
  perform {schema}.free_queues(array(select job_id from unnest(reports)));

  update {schema}.claim c set open_jobs = c.open_jobs - n, returned = c.returned || coalesce(back, '{}')
    from (select claim_id, count(*)::int n, array_agg(job_id) filter (where outcome = 'g') back from unnest(reports) group by 1) u
    where c.id = u.claim_id;
  delete from {schema}.claim where id in (select claim_id from unnest(reports)) and open_jobs = 0;
  return query select u.claim_id, u.job_id, (case
      when u.job_id = any (busy) then 'w'
      when r.job_id is not null then case when u.job_id = any (ended) then case r.outcome when 'k' then 's' else 'x' end else 'a' end
      when o.outcome = u.outcome then 'a'
      when o.outcome = 'k' then 's'
      when o.outcome = 'x' then 'x'
      else 'z' end)::"char",
      coalesce(r.error_message, d.error_message), coalesce(o.finished_at, moment)
    from unnest(p_reports) u
    left join unnest(reports) r on r.job_id = u.job_id and r.claim_id = u.claim_id
    -- This very report was recorded before, and the answer was lost. What a rescuer has recorded ran for no time.
    left join {schema}.attempt_outcome o on o.job_id = u.job_id and o.claim_id = u.claim_id
      and o.execution_us = u.execution_us and o.queue_us = u.queue_us and o.outcome in (u.outcome, 'k', 'x')
    left join {schema}.attempt_detail d on d.job_id = o.job_id and d.claim_id = o.claim_id;
end $$;

-- As before, and new: returns those, too, that were failed for good. Frees what a worker holds whose lease has ended, and ends the lease. Its claims that are on the way come before or fail.
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
  return query select s.job_id from {schema}.settle(p_worker, reports) s where s.verdict in ('a', 's', 'x');
  -- What is left of them held nothing any more.
  delete from {schema}.claim where id = any (claims) and open_jobs = 0;
end $$;

-- As before, but for the number: those that an operator has ended meanwhile are not available. Makes jobs available that stopped pools have left locked for longer than this, with their attempt uncounted. Never waits for a lock:
-- what is locked is found by a later call. Returns how many.
create or replace function {schema}.reset_overdue(p_lock_timeout_ms bigint) returns int language plpgsql as $$
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
    freed := freed + (select count(*) from {schema}.settle(owner, reports) where verdict = 'a');
  end loop;
  return freed;
end $$;

-- Ends jobs that are in no place any more: p_outcome k cancelled, x failed for good, so that they are exhausted. Frees their keys, but for
-- a key that an open transaction of an application has locked: it stays behind, and counts as free.
create function {schema}.end_taken(p_ids bigint[], p_outcome "char", p_reason text) returns void language plpgsql as $$
declare
  moment timestamptz := clock_timestamp();
begin
  if p_outcome = 'k' then
    perform {schema}.end_waiting(p_ids, p_reason);
  else
    with ended as (
      insert into {schema}.attempt_outcome (job_id, claim_id, recording, finished_at, execution_us, queue_us, worker, attempt, outcome, final)
      select i, {schema}.claim_id(floor(random() * 1000000000000)::bigint), nextval('{schema}.recording_sequence'), moment, 0, 0, 0, 0, 'x', false
      from unnest(p_ids) i returning job_id, claim_id)
    insert into {schema}.attempt_detail (job_id, claim_id, error_message) select job_id, claim_id, p_reason from ended;
    insert into {schema}.exhausted (id, since) select i, moment from unnest(p_ids) i;
    -- It has history now: whoever makes it wait again must not change the job itself.
    insert into {schema}.job_memory (job_id) select i from unnest(p_ids) i on conflict do nothing;
  end if;
  delete from {schema}.job_key where ctid = any (array(
    select k.ctid from {schema}.job j join {schema}.job_key k on k.job_key = j.job_key and k.job_id = j.id
    where j.id = any (p_ids) for update of k skip locked));
  perform {schema}.free_queues(p_ids);
end $$;

-- Cancels jobs (p_outcome k) or fails them for good (x). result: k it ends here; h held by a pool, which is asked to stop it; e had ended before, or
-- was exhausted where it is to be failed, and is left; c is to be failed, but being cancelled, and is left to that; n there is no
-- such job. Locks: rows of job, then claims in order of id, then places, then queues. The loop may lock further claims,
-- so that a deadlock is possible where pools claim what is being ended; and applications that replace jobs lock them in
-- an order of their own. So it waits for no lock for long, and fails before one of them would; the caller repeats it then.
create function {schema}.end_jobs(p_ids bigint[], p_outcome "char", p_reason text) returns table (id bigint, result "char") language plpgsql
set lock_timeout = '300ms' as $$
declare
  remaining bigint[];
  locked bigint[];
  held_now bigint[];
  taken_now bigint[];
  ended bigint[];
  held bigint[] := '{}';
  taken bigint[] := '{}';
  being_cancelled bigint[] := '{}';
begin
  remaining := array(select j.id from {schema}.job j where j.id = any (p_ids) order by 1 for update);
  ended := array(select i from unnest(remaining) i where exists (select from {schema}.attempt_outcome o where o.job_id = i and o.final));
  remaining := array(select i from unnest(remaining) i where not i = any (ended));
  -- Jobs go from place to place under our eyes; those that were found nowhere are looked for again.
  for round in 1..20 loop
    exit when remaining = '{}';
    locked := array(select c.id from {schema}.claim c
      where c.id in (select h.claim_id from {schema}.holds(remaining) h) order by c.id for no key update);
    held_now := array(select h.job_id from {schema}.holds(remaining) h where h.claim_id = any (locked));
    taken_now := array(select t.id from {schema}.take_waiting(array(select i from unnest(remaining) i where not i = any (held_now))) t);
    if p_outcome = 'k' then
      with gone as (delete from {schema}.exhausted e where e.id = any (remaining) returning e.id)
      select taken_now || array(select g.id from gone g) into taken_now;
    end if;
    held := held || held_now;
    taken := taken || taken_now;
    ended := ended || array(
      select i from unnest(remaining) i where exists (select from {schema}.attempt_outcome o where o.job_id = i and o.final)
        or p_outcome = 'x' and exists (select from {schema}.exhausted e where e.id = i));
    remaining := array(
      select i from unnest(remaining) i
      where not i = any (held_now) and not i = any (ended) and not i = any (taken_now));
  end loop;
  if remaining <> '{}' then
    raise exception using errcode = 'serialization_failure', message = 'jobs that are to be ended change places';
  end if;
  if taken <> '{}' then perform {schema}.end_taken(taken, p_outcome, p_reason); end if;
  -- Marks of jobs that have completed all the same.
  delete from {schema}.cancel_mark m where exists (select from {schema}.attempt_outcome o where o.job_id = m.job_id and o.final);
  if held <> '{}' then
    -- The first reason stays, but for a job that was to be failed and is cancelled now. There is no other writer: we have the rows of job.
    insert into {schema}.cancel_mark as m (job_id, reason, outcome) select i, p_reason, p_outcome from unnest(held) i
      on conflict (job_id) do update set reason = excluded.reason, outcome = excluded.outcome where excluded.outcome = 'k' and m.outcome = 'x';
    being_cancelled := array(select m.job_id from {schema}.cancel_mark m where m.job_id = any (held) and m.outcome <> p_outcome);
    perform pg_notify('{schema}_cancelled', '');
  end if;
  return query select i, (case
      when i = any (being_cancelled) then 'c'
      when i = any (taken) then 'k'
      when i = any (held) then 'h'
      when i = any (ended) then 'e'
      else 'n' end)::"char"
    from unnest(p_ids) i;
exception when lock_not_available then
  raise exception using errcode = 'serialization_failure', message = 'another transaction is working on jobs that are to be ended';
end $$;

-- For servers that are older than this migration.
create or replace function {schema}.cancel_jobs(p_ids bigint[], p_reason text) returns table (id bigint, result "char") language sql as
  $$ select e.id, e.result from {schema}.end_jobs(p_ids, 'k', p_reason) e $$;
-- end_cancelled stays for calls of the old cancel_jobs that are under way while this runs.
