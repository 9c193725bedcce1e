#include "server/app/option_table.h"

#include <cmath>
#include <cstdint>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace millrace {
namespace {

using Table = std::vector<ServerOption>;

absl::Status Expected(const std::string& what) { return absl::InvalidArgumentError(what); }

absl::Status SetOnLostLease(const std::string& value, PoolConfig& pool) {
  const std::map<std::string, OnLostLease> values = {{"interrupt", OnLostLease::kInterrupt},
                                                     {"continue", OnLostLease::kContinue},
                                                     {"exit", OnLostLease::kExit}};
  const auto found = values.find(value);
  if (found == values.end()) return Expected("must be interrupt, continue or exit");
  pool.on_lost_lease = found->second;
  return absl::OkStatus();
}

// The options of one group, by the kind of their value.
class Group {
 public:
  Group(Table& table, std::string name) : table_(table), name_(std::move(name)) {}

  OptionInfo& Text(const std::string& name, const std::string& value_name, std::string& field,
                   const std::string& help) {
    return Add(name, value_name, field, help, [&field](const std::string& value) {
      field = value;
      return absl::OkStatus();
    });
  }

  template <typename Integer>
  OptionInfo& Number(const std::string& name, Integer& field, const std::string& help) {
    return Add(name, "N", absl::StrCat(field), help, [&field](const std::string& value) {
      int64_t number = 0;
      // Bounds are the module's; here is only what the field can hold.
      if (!absl::SimpleAtoi(value, &number) || !std::in_range<Integer>(number)) {
        return Expected("must be a whole number");
      }
      field = static_cast<Integer>(number);
      return absl::OkStatus();
    });
  }

  OptionInfo& Real(const std::string& name, double& field, const std::string& help) {
    return Add(name, "X", absl::StrCat(field), help, [&field](const std::string& value) {
      double number = 0;
      if (!absl::SimpleAtod(value, &number) || !std::isfinite(number)) {
        return Expected("must be a number");
      }
      field = number;
      return absl::OkStatus();
    });
  }

  OptionInfo& Milliseconds(const std::string& name, absl::Duration& field,
                           const std::string& help) {
    return Add(name, "MS", absl::StrCat(absl::ToInt64Milliseconds(field)), help,
               [&field](const std::string& value) {
                 int64_t number = 0;
                 if (!absl::SimpleAtoi(value, &number) || number < 0) {
                   return Expected("must be a whole number of milliseconds");
                 }
                 field = absl::Milliseconds(number);
                 return absl::OkStatus();
               });
  }

  OptionInfo& List(const std::string& name, const std::string& value_name,
                   std::vector<std::string>& field, const std::string& help) {
    OptionInfo& info =
        Add(name, value_name, absl::StrJoin(field, ","), help, [&field](const std::string& value) {
          field.clear();
          const std::vector<std::string> parts = absl::StrSplit(value, ',');
          for (const std::string& part : parts) {
            std::string entry(absl::StripAsciiWhitespace(part));
            if (!entry.empty()) field.push_back(std::move(entry));
          }
          return absl::OkStatus();
        });
    info.is_list = true;
    return info;
  }

  OptionInfo& Flag(const std::string& name, bool& field, const std::string& help) {
    return Add(name, "", field ? "on" : "off", help, [&field](const std::string& value) {
      const std::string word = absl::AsciiStrToLower(value);
      const bool yes = word == "true" || word == "on" || word == "yes" || word == "1";
      const bool no = word == "false" || word == "off" || word == "no" || word == "0";
      if (!yes && !no) return Expected("must be true or false");
      field = yes;
      return absl::OkStatus();
    });
  }

  OptionInfo& Add(const std::string& name, const std::string& value_name,
                  const std::string& default_text, const std::string& help,
                  std::function<absl::Status(const std::string&)> set) {
    OptionInfo info;
    info.group = name_;
    info.name = name;
    info.value_name = value_name;
    info.environment =
        absl::StrCat("MILLRACE_", absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}})));
    info.default_text = default_text;
    info.help = help;
    table_.push_back({std::move(info), std::move(set)});
    return table_.back().info;
  }

 private:
  Table& table_;
  const std::string name_;
};

void AddDatabase(ServerOptions& options, Table& table) {
  Group group(table, "Database");
  group.Text("database-url", "URL", options.database_url,
             "The PostgreSQL to use, as a connection string or URI. Without one the server runs a "
             "private PostgreSQL of its own. DATABASE_URL in the environment is taken, too. Put a "
             "password into a file instead: see database-url-file.");
  OptionInfo& data_dir = group.Text("data-dir", "DIR", options.data_dir,
                                    "The folder of the private PostgreSQL; made if there is none.");
  data_dir.default_text =
      "/var/lib/millrace for root, else $XDG_DATA_HOME/millrace or ~/.local/share/millrace";
  group.Text("postgres-bin-dir", "DIR", options.postgres_bin_dir,
             "Where the programs initdb and postgres are, for the private PostgreSQL. Without it "
             "they are looked for in /usr/lib/postgresql and PATH.");
  group.Text("schema", "NAME", options.schema,
             "The schema that holds all tables; servers with different schemas share nothing.");
  group.Flag("migrate-only", options.migrate_only,
             "Bring the schema up to date and leave, without serving or running anything. Without "
             "it a server does so when it starts.");
  group.Number("max-connections", options.max_connections,
               "Connections to the database that are open at a time, at most, seven or more. Six "
               "are for the pool, the others for calls of JobQueue and jobs that handlers add.");
  group.Number("task-connections", options.task_connections,
               "Further connections, at most, for transactions that handlers begin; one that finds "
               "none free waits.");
}

void AddService(ServerOptions& options, Table& table) {
  Group group(table, "Service");
  group.List("listen", "ADDRESS", options.rpc.listen_addresses,
             "Where gRPC listens: host:port, [IPv6]:port or unix:/path; several with commas or by "
             "repeating. Port 0 takes a free one.");
  group.Flag("allow-plaintext", options.allow_plaintext,
             "Allow to listen, unencrypted, on an address that other machines can reach.");
  group.Add("metrics-listen", "ADDRESS", options.metrics_listen,
            "host:port of an HTTP server with /metrics, /livez and /readyz; off for none.",
            [&options](const std::string& value) {
              options.metrics_listen = value == "off" ? "" : value;
              return absl::OkStatus();
            });
  group.Number("payload-limit-bytes", options.rpc.limits.payload_bytes,
               "The largest payload of a job, in bytes.");
  group.Number("max-attempts", options.rpc.default_max_attempts,
               "Attempts of a job that is added through this server without a number of its own.");
  group.Number("max-message-bytes", options.rpc.max_message_bytes,
               "The largest request, in bytes.");
  group.Number("max-job-calls", options.rpc.max_job_calls,
               "Calls that add or look at jobs worked on at a time; more are refused.");
  group.Number("max-event-streams", options.rpc.max_event_streams,
               "Subscribers of the event feed at a time; more are refused.");
  group.Number("event-buffer-events", options.events.ring_events,
               "Events that are kept for subscribers that come back.");
  group.Number("event-buffer-bytes", options.events.ring_bytes,
               "Memory that these events may take, in bytes.");
}

void AddPool(ServerOptions& options, Table& table) {
  PoolConfig& pool = options.pool;
  Group group(table, "Worker pool");
  group.Text("pool-name", "NAME", options.pool_name, "The name of this pool, kept over restarts.")
      .default_text = "the name of the host";
  group.Flag("autostart", options.autostart, "Start the pool with the server.").has_negation = true;
  group.Flag("ignore-saved", options.ignore_saved,
             "Start with these settings, and not with what operators have saved for this pool's "
             "name. It stays saved.");
  group.Number("concurrency", pool.concurrency, "Jobs that run at the same time.");
  group.Milliseconds("poll-interval-ms", pool.poll_interval,
                     "How often an idle pool looks for jobs that nobody told it of.");
  group.Number("queue-size", pool.queue_size,
               "Jobs that are claimed ahead of the workers, at most.");
  group.Milliseconds("queue-ttl-ms", pool.queue_ttl,
                     "A job that was claimed ahead and waits longer is given back.");
  group.Milliseconds("graceful-shutdown-timeout-ms", pool.graceful_shutdown_timeout,
                     "How long running handlers may go on when the pool stops.");
  group.Milliseconds("stop-grace-ms", pool.stop_grace,
                     "How long a handler may take to end once it was asked to.");
  group.Milliseconds("max-job-execution-time-ms", pool.max_job_execution_time,
                     "The time limit of tasks that bring none of their own; 0 for none.");
  group.List("task-identifiers", "NAMES", pool.task_identifiers,
             "Run only jobs of these tasks; several with commas or by repeating. Without any, all "
             "that this server is built with.");
  group.List(
      "forbidden-flags", "FLAGS", pool.forbidden_flags,
      "Leave jobs alone that carry any of these flags; several with commas or by repeating.");
  group.Flag("claim-unknown-tasks", pool.claim_unknown_tasks,
             "Also claim jobs that no handler is registered for; they are exhausted at once.");
  group.Flag("keep-undispatched-locked", pool.keep_undispatched_locked,
             "Leave jobs that have not begun locked when the pool stops, instead of giving them "
             "back.");
  group.Milliseconds("lock-timeout-ms", options.rpc.lock_timeout,
                     "Such jobs are freed when they were claimed longer ago.");
}

void AddSafety(ServerOptions& options, Table& table) {
  PoolConfig& pool = options.pool;
  Group group(table, "Leases and retries");
  group.Milliseconds("lease-ttl-ms", pool.lease_ttl,
                     "Others free the jobs of a server that has not been heard of for so long.");
  group.Milliseconds("heartbeat-interval-ms", pool.heartbeat_interval,
                     "How often the lease is renewed; at most a third of it.");
  group.Add("on-lost-lease", "interrupt|continue|exit", "interrupt",
            "What becomes of running handlers when the lease cannot be renewed: they are asked to "
            "stop, or go on, or are asked and, if they still run when it ends, the server exits.",
            [&pool](const std::string& value) { return SetOnLostLease(value, pool); });
  group.Number("max-interruptions", pool.max_interruptions,
               "Beyond so many, an interruption of a job counts as a failure.");
  group.Milliseconds("retry-base-ms", pool.retry.base, "The shortest wait after a failure.");
  group.Real("retry-multiplier", pool.retry.multiplier,
             "By how much the wait grows with each failure.");
  group.Real("retry-jitter", pool.retry.jitter,
             "Which share of the wait is added at random, 0 to 1.");
  group.Milliseconds("retry-maximum-ms", pool.retry.maximum, "The longest wait after a failure.");
}

void AddLogging(ServerOptions& options, Table& table) {
  Group group(table, "Log");
  group.Text("log-level", "LEVEL", options.log_level,
             "The least severe that is logged: trace, debug, info, warn, error or off.");
  group.Text("log-format", "FORMAT", options.log_format, "text for people or json for programs.");
}

}  // namespace

std::vector<ServerOption> MakeOptionTable(ServerOptions& options) {
  Table table;
  AddDatabase(options, table);
  AddService(options, table);
  AddPool(options, table);
  AddSafety(options, table);
  AddLogging(options, table);
  return table;
}

}  // namespace millrace
