-- What a handler's transaction needs besides adding jobs and Settle.

-- name: BeginHandlerTransaction
-- Its first statement, which also shows whether the connection is alive. Until it ends, statements of handlers are planned for their
-- values, and one whose connection was cut, because the handler is to stop, is ended within a second (where PostgreSQL can do that).
do $$ begin perform set_config('plan_cache_mode', 'auto', true); begin perform set_config('client_connection_check_interval', '1s', true); exception when others then null; end; end $$;

-- name: LimitIdleTransaction
-- Before Settle locks the claim: should the server freeze before it commits, nobody waits for it long.
select set_config('idle_in_transaction_session_timeout', '10s', true);
