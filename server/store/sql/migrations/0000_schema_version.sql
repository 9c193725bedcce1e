-- Run where there is no schema of ours: the schema, and the record of what was applied to it.
create schema if not exists {schema};
create table {schema}.schema_version (
  version int primary key,
  name text not null,
  applied_at timestamptz not null default now());
