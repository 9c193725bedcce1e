-- Cancelling. A job that waits, or is exhausted, ends at once. One that a pool holds gets a mark, which outlives every
-- server: whatever the pool reports of it then but that it has completed, it has ended, cancelled (settle).

create table {schema}.cancel_mark (
  job_id bigint primary key,
  reason text not null,
  made_at timestamptz not null default clock_timestamp());

-- Which claims hold these jobs.
create function {schema}.holds(p_ids bigint[]) returns table (claim_id bigint, job_id bigint, worker int) language sql stable as $$
  select c.id, i, c.worker
  from {schema}.claim c cross join unnest(c.first_ids, c.counts) h(first_id, jobs)
  cross join generate_series(h.first_id, h.first_id + h.jobs - 1) i join unnest(p_ids) u(id) on u.id = i
  where not i = any (c.returned)
    and not exists (select from {schema}.attempt_outcome o where o.job_id = i and o.claim_id = c.id) $$;

alter type {schema}.settled add attribute reason text, add attribute recorded_at timestamptz;

-- As before, and new: cancelled jobs, and reports that were recorded before are accepted once more. Ends the hold of claims
-- on jobs, as the reports say: the one place where a job leaves a claim, but for plain completions
-- (CompletePlain). outcome as in attempt_outcome, or g: given back, which leaves no outcome.
-- verdict: a accepted; s accepted, but the job has ended, cancelled, for the reason given: another job has taken its key, or an
-- operator has cancelled it; z stale, the claim does not hold the job; w wait: another transaction is replacing the job's key,
-- report it again later; nothing was changed for the last two. REQUIRES: a job_id once only.
create or replace function {schema}.settle(p_worker int, p_reports {schema}.report[]) returns setof {schema}.settled
language plpgsql as $$
declare
  reports {schema}.report[];  -- those that a claim holds
  busy bigint[];
  superseded bigint[];
  cancelled bigint[];  -- superseded, or by an operator
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
    where j.job_key is not null and not u.outcome in ('c', 'k')),
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
  -- Nor go on if an operator has cancelled them. What was given back has not run: it has no attempt.
  select array_agg(u.job_id) into cancelled from unnest(reports) u
    where u.job_id = any (superseded)
      or not u.outcome in ('c', 'k') and exists (select from {schema}.cancel_mark m where m.job_id = u.job_id);
  if cancelled is not null then
    select array_agg(case when u.job_id = any (cancelled)
        then row(u.claim_id, u.job_id, 'k', case when u.outcome = 'g' then 0 else u.attempt end, false, 0,
          u.execution_us, u.queue_us, case when u.job_id = any (superseded) then 'superseded' else m.reason end,
          u.error_message, null, u.partial_success)::{schema}.report
        else u end)
      into reports from unnest(reports) u left join {schema}.cancel_mark m using (job_id);
  end if;
  delete from {schema}.cancel_mark where job_id in (select job_id from unnest(reports));

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
    from unnest(reports) where outcome in ('f', 'p', 's', 'i', 'l')
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
      when r.job_id is not null then case when u.job_id = any (cancelled) then 's' else 'a' end
      when o.outcome = u.outcome then 'a'
      when o.outcome = 'k' then 's'
      else 'z' end)::"char",
      coalesce(r.error_message, d.error_message), coalesce(o.finished_at, moment)
    from unnest(p_reports) u
    left join unnest(reports) r on r.job_id = u.job_id and r.claim_id = u.claim_id
    -- This very report was recorded before, and the answer was lost. What a rescuer has recorded ran for no time.
    left join {schema}.attempt_outcome o on o.job_id = u.job_id and o.claim_id = u.claim_id
      and o.execution_us = u.execution_us and o.queue_us = u.queue_us and o.outcome in (u.outcome, 'k')
    left join {schema}.attempt_detail d on d.job_id = o.job_id and d.claim_id = o.claim_id;
end $$;

-- Ends jobs that are in no place any more, cancelled. Frees their keys, but for a key that an open transaction of an
-- application has locked: it stays behind, and counts as free.
create function {schema}.end_cancelled(p_ids bigint[], p_reason text) returns void language plpgsql as $$
begin
  perform {schema}.end_waiting(p_ids, p_reason);
  delete from {schema}.job_key where ctid = any (array(
    select k.ctid from {schema}.job j join {schema}.job_key k on k.job_key = j.job_key and k.job_id = j.id
    where j.id = any (p_ids) for update of k skip locked));
  perform {schema}.free_queues(p_ids);
end $$;

-- Cancels jobs. result: k cancelled; h held by a pool, which is asked to stop it; e had ended before, and is left; n there is no
-- such job. Locks: rows of job, then claims in order of id, then places, then queues. The loop may lock further claims,
-- so that a deadlock is possible where pools claim what is being cancelled; and applications that replace jobs lock them in
-- an order of their own. So it waits for no lock for long, and fails before one of them would; the caller repeats it then.
create function {schema}.cancel_jobs(p_ids bigint[], p_reason text) returns table (id bigint, result "char") language plpgsql
set lock_timeout = '300ms' as $$
declare
  remaining bigint[];
  locked bigint[];
  held_now bigint[];
  taken_now bigint[];
  ended bigint[];
  held bigint[] := '{}';
  taken bigint[] := '{}';
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
    with gone as (delete from {schema}.exhausted e where e.id = any (remaining) returning e.id)
    select taken_now || array(select g.id from gone g) into taken_now;
    held := held || held_now;
    taken := taken || taken_now;
    ended := ended || array(
      select i from unnest(remaining) i where exists (select from {schema}.attempt_outcome o where o.job_id = i and o.final));
    remaining := array(
      select i from unnest(remaining) i
      where not i = any (held_now) and not i = any (ended) and not i = any (taken_now));
  end loop;
  if remaining <> '{}' then
    raise exception using errcode = 'serialization_failure', message = 'jobs that are to be cancelled change places';
  end if;
  if taken <> '{}' then perform {schema}.end_cancelled(taken, p_reason); end if;
  -- Marks of jobs that have completed all the same.
  delete from {schema}.cancel_mark m where exists (select from {schema}.attempt_outcome o where o.job_id = m.job_id and o.final);
  if held <> '{}' then
    insert into {schema}.cancel_mark (job_id, reason) select i, p_reason from unnest(held) i on conflict do nothing;
    perform pg_notify('{schema}_cancelled', '');
  end if;
  return query select i, (case
      when i = any (taken) then 'k'
      when i = any (held) then 'h'
      when i = any (ended) then 'e'
      else 'n' end)::"char"
    from unnest(p_ids) i;
exception when lock_not_available then
  raise exception using errcode = 'serialization_failure', message = 'another transaction is working on jobs that are to be cancelled';
end $$;
