-- Servers as their operators see them: which pools there are, what is saved of each by its name, and what one server asks of others.

-- When the lease was last renewed. A server older than this migration does not say.
alter table {schema}.worker add renewed_at timestamptz;
alter table {schema}.worker alter renewed_at set default clock_timestamp();
create index on {schema}.worker (worker_id);

-- One row for each server process, from its start to its end, whether its pool runs or not; what it says of itself every few seconds.
-- Who is silent for longer than patience_ms is lost; its row goes some minutes later.
create table {schema}.pool (
  worker_id text primary key,
  pool_name text not null,
  host text not null,
  pid int not null,
  version text not null,
  started_at timestamptz not null default clock_timestamp(),
  seen_at timestamptz not null default clock_timestamp(),
  patience_ms bigint not null,
  state "char" not null,  -- r running, e ending (it stops), s stopped
  concurrency int not null,
  active int not null,
  buffered int not null) with (fillfactor = 50);

-- What a pool of this name does when a server of it starts, whatever its flags say; null where nothing is saved.
create table {schema}.saved_pool (
  pool_name text primary key,
  stopped boolean,
  concurrency int,
  task_identifiers text[],
  forbidden_flags text[],
  saved_at timestamptz not null default clock_timestamp());

-- What the server that a caller has reached asks of another one, and the answer. Whoever asked removes it; what was left behind
-- goes when keep_until has passed. payload and reply are base64.
create table {schema}.fleet_request (
  id bigint generated always as identity primary key,
  worker_id text not null,  -- who is asked
  asked_by text not null,
  method text not null,
  payload text not null,
  expires_at timestamptz not null,  -- it is not taken later
  keep_until timestamptz not null,
  taken boolean not null default false,
  code int,  -- of the answer, as in gRPC; null while there is none
  message text,
  reply text);
create index on {schema}.fleet_request (worker_id) where not taken;
