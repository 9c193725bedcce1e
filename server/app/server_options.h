#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/events/event_emitter.h"
#include "server/pool/pool_config.h"
#include "server/rpc/rpc_server_options.h"

namespace millrace {

// Everything that can be set of a server, with the defaults: the options of its modules, and its
// own. A plain value.
struct ServerOptions {
  // A connection string or URI; may hold a password. Empty means a private PostgreSQL in data_dir.
  std::string database_url;
  std::string data_dir;
  // Where initdb and postgres are; empty means that they are looked for.
  std::string postgres_bin_dir;
  std::string schema = "millrace";
  // Of the pool and of callers together: see ServerDatabases.
  int max_connections = 16;
  // For transactions of handlers, beside those.
  int task_connections = 10;
  // Bring the schema up to date, and do nothing else.
  bool migrate_only = false;

  RpcServerOptions rpc;
  // Addresses that other machines reach may be listened on, although nothing is encrypted.
  bool allow_plaintext = false;
  // host:port of the metrics and health pages; empty means none.
  std::string metrics_listen = "127.0.0.1:9464";

  // Empty means the name of the host.
  std::string pool_name;
  // The pool starts with the server.
  bool autostart = true;
  // What is saved for the pool's name does not hold.
  bool ignore_saved = false;
  PoolConfig pool;
  EventEmitter::Options events;

  std::string log_level = "info";
  std::string log_format = "text";
};

// Every fault of the values of all modules, in no order that matters; empty if there is none.
std::vector<std::string> FindFaults(const ServerOptions& options);

}  // namespace millrace
