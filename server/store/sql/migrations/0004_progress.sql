-- What handlers say of their progress: of each attempt that runs the last, as long as its claim holds the job. An attempt that has said
-- any is settled and not completed the short way, so that its row goes with it.

-- A crash of the database empties it: the next report comes soon.
create unlogged table {schema}.progress (
  job_id bigint primary key,
  claim_id bigint not null,
  percent float8 not null,
  message text not null,
  counters jsonb not null,
  reported_at timestamptz not null) with (fillfactor = 50);
alter table {schema}.progress set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Writes what was said under claims that still hold their jobs; returns the positions, from 1, of those. Locks: the claims in order of
-- id, so that nothing is written behind the outcome of an attempt; the second statement sees what whoever had them before has done.
-- Its commit does not wait for the disk.
create function {schema}.write_progress(p_claims bigint[], p_jobs bigint[], p_percents float8[], p_messages text[], p_counters text[])
returns setof bigint language plpgsql as $$
begin
  perform set_config('synchronous_commit', 'off', true);
  perform from {schema}.claim where id = any (p_claims) order by id for no key update;
  return query
  with held as materialized (
    select u.* from unnest(p_claims, p_jobs, p_percents, p_messages, p_counters)
      with ordinality u(claim_id, job_id, percent, message, counters, position)
    join {schema}.claim c on c.id = u.claim_id
    where not u.job_id = any (c.returned)
      and not exists (select from {schema}.attempt_outcome o where o.job_id = u.job_id and o.claim_id = u.claim_id)),
  written as (
    insert into {schema}.progress (job_id, claim_id, percent, message, counters, reported_at)
    select job_id, claim_id, percent, message, counters::jsonb, clock_timestamp() from held
    on conflict (job_id) do update set claim_id = excluded.claim_id, percent = excluded.percent, message = excluded.message,
      counters = excluded.counters, reported_at = excluded.reported_at)
  select position from held;
end $$;

-- As before, and new: what the handler has said of its progress goes. Ends the hold of claims on jobs, as the reports say: the one place where a job leaves a claim, but for plain completions
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
