-- What the migrator asks. Locks: one advisory lock of the session for each schema.

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
