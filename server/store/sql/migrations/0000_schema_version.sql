-- Run where there is no schema of ours: the schema, and the record of what was applied to it.
-- Not "if not exists", which wants the right to make schemas also where the schema is there.
do $$ begin if to_regnamespace('{schema}') is null then create schema {schema}; end if; end $$;
create table {schema}.schema_version (
  version int primary key,
  name text not null,
  applied_at timestamptz not null default now());
