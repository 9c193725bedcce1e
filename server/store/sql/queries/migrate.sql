-- What the migrator asks. Locks: one advisory lock of the session for each schema.

-- name: NoticeLostMigrator
-- Has the session look every second whether its client is still there, also while it waits for a lock or makes an index: what a
-- server began that is gone must not keep the next one waiting. Does nothing where PostgreSQL cannot do that.
do $$ begin perform set_config('client_connection_check_interval', '1s', false); exception when others then null; end $$;

-- name: ForgetLostMigrators
-- Undoes that: other statements should not pay for it.
do $$ begin reset client_connection_check_interval; exception when others then null; end $$;

-- name: ReleaseMigrationLocks
-- What a try of this session that failed may have left.
select pg_advisory_unlock_all();

-- name: TryLockMigration
select pg_try_advisory_lock(hashtextextended('{schema}.migrate', 0));

-- name: LockMigration
select pg_advisory_lock(hashtextextended('{schema}.migrate', 0));

-- name: UnlockMigration
select pg_advisory_unlock(hashtextextended('{schema}.migrate', 0));

-- name: ReadSchemaState
-- Whether the record of migrations is there, and whether anything is.
select to_regclass('{schema}.schema_version') is not null,
  exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = '{schema}');

-- name: ReadSchemaVersion
select coalesce(max(version), 0) from {schema}.schema_version;

-- name: RecordMigration
insert into {schema}.schema_version (version, name) values ($1::int, $2);
