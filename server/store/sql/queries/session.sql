-- What belongs to a session and no transaction.

-- name: SetStatementTimeout
-- $1 in milliseconds, 0 for none. No row is read.
select set_config('statement_timeout', $1, false);
