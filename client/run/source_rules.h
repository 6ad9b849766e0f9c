#ifndef MIRROR_CLIENT_RUN_SOURCE_RULES_H_
#define MIRROR_CLIENT_RUN_SOURCE_RULES_H_

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "certs/keyed_hash.h"
#include "client/config/source_config.h"
#include "client/exchange/exchange_rules.h"
#include "client/source/capture/capture_rule.h"
#include "client/source/mariadb/mariadb_sessions.h"
#include "client/source/odbc/odbc_sessions.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/table_choice.h"
#include "client/state/run_state.h"

// Converts the settings of a [[source]] to the options of the classes that read it.

namespace mirror {

/// Rules of the tables that are captured. Absent: none is.
std::optional<CaptureRules> RulesOf(const SourceConfig& source);
/// Returns these rules for a source of which some tables cannot be logged: these become synthetic.
/// `unlogged`: their own names in the source.
std::optional<CaptureRules> RulesOf(const SourceConfig& source, const std::set<std::string>& unlogged);
/// Returns the entries of `tables` (own name, note) for tables that are chosen and have to be logged.
std::map<std::string, std::string> KeepToBeLogged(const SourceConfig& source,
                                                  std::map<std::string, std::string> tables);
/// Whether the table, by the source's own name, is captured.
bool Captures(const SourceConfig& source, const CaptureRules& rules, const std::string& table);

/// Returns `source` with the tables of its last run from `notes`: see TableChoice.announced.
SourceConfig WithLastTables(SourceConfig source, const TableNotes& notes);
/// Selects the tables of a server's database that are mirrored.
TableChoice ChoiceOf(const SourceConfig& source);

/// Path for rejected rows of files.
std::string RejectsOf(const SourceConfig& source, const std::string& state_dir);
/// The mirror's name of a table.
const std::string& SentName(const TableConfig& table);
/// The name that the feed reader uses for the feed of a table, which must have one.
std::string FeedName(const TableConfig& table);

/// Absent: none is needed. Errors: one is needed and cannot be read.
absl::StatusOr<std::optional<TenantHashKey>> HashKeyOf(const SourceConfig& source);

/// Operations that the owner allows the exchange.
ExchangeRules RulesOfExchange(const SourceConfig& source);

PostgresAccess PostgresAccessOf(const SourceConfig& source);
MariadbAccess MariadbAccessOf(const SourceConfig& source);
OdbcAccess OdbcAccessOf(const SourceConfig& source);

ChangeLogOptions LogOptionsOf(const SourceConfig& source);
/// Returns these options for the agent that owns the log. `source_id`: the id in its run state.
ChangeLogOptions OwnLogOptionsOf(const SourceConfig& source, const std::string& state_dir,
                                 const std::string& source_id);
/// Returns the log owner in these options, for read-only commands; works even if the run state cannot be
/// read.
LogOwner LogOwnerOf(const SourceConfig& source, const std::string& state_dir);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_SOURCE_RULES_H_
