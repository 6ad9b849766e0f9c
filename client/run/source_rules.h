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

// What the words of a [[source]] mean for those that read it.

namespace mirror {

/// Which tables are captured, and how. Absent: none of them.
std::optional<CaptureRules> RulesOf(const SourceConfig& source);
/// The same where these tables, by the source's own names, cannot be logged: they are synthetic.
std::optional<CaptureRules> RulesOf(const SourceConfig& source, const std::set<std::string>& unlogged);
/// Those of them, with whatever is said of each, that are chosen and to be logged; by the source's own names.
std::map<std::string, std::string> KeepToBeLogged(const SourceConfig& source,
                                                  std::map<std::string, std::string> tables);
/// Whether the table, by the source's own name, is captured.
bool Captures(const SourceConfig& source, const CaptureRules& rules, const std::string& table);
/// Whether the change log is asked for some table.
bool UsesLog(const SourceConfig& source);

/// `source` with the tables of its last run, which `notes` knows: see TableChoice.announced.
SourceConfig WithLastTables(SourceConfig source, const TableNotes& notes);
/// Which tables of a server's database are mirrored.
TableChoice ChoiceOf(const SourceConfig& source);

/// Where rows of files stand that cannot be taken.
std::string RejectsOf(const SourceConfig& source, const std::string& state_dir);
/// What the mirror calls a table.
const std::string& SentName(const TableConfig& table);
/// What the reader of the feeds calls that of a table, which has one.
std::string FeedName(const TableConfig& table);

/// Absent: none is needed. Errors: one is needed and cannot be read.
absl::StatusOr<std::optional<TenantHashKey>> HashKeyOf(const SourceConfig& source);

/// What its owner lets the exchange do there.
ExchangeRules RulesOfExchange(const SourceConfig& source);

PostgresAccess PostgresAccessOf(const SourceConfig& source);
MariadbAccess MariadbAccessOf(const SourceConfig& source);
OdbcAccess OdbcAccessOf(const SourceConfig& source);

ChangeLogOptions LogOptionsOf(const SourceConfig& source);
/// The same for the agent whose log it is. `source_id`: of its run state.
ChangeLogOptions OwnLogOptionsOf(const SourceConfig& source, const std::string& state_dir,
                                 const std::string& source_id);
/// The owner in that, for who only looks: also where the run state cannot be read.
LogOwner LogOwnerOf(const SourceConfig& source, const std::string& state_dir);

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_SOURCE_RULES_H_
