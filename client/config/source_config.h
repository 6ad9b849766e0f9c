#ifndef MIRROR_CLIENT_CONFIG_SOURCE_CONFIG_H_
#define MIRROR_CLIENT_CONFIG_SOURCE_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/enum_words.h"
#include "base/text/config_file.h"
#include "client/config/cron_rule.h"
#include "client/source/copy_limits.h"
#include "client/source/steps/table_steps.h"
#include "client/source/strategy.h"
#include "proto/wire/table.h"

namespace mirror {

/// The keys of a [[source]] that is a database of a server.
struct ServerSource {
  /// postgres: a conninfo. mariadb: host, port, socket, dbname, user, tls, tls_ca. odbc: a connection string.
  /// Without a password.
  std::string dsn;
  std::string password_file;  ///< With mode 0600; for PostgreSQL a passfile.
  /// `schemas`: exactly one. mariadb: none, the database is used.
  /// odbc: empty by default, for all tables that the driver shows.
  std::string schema = "public";
  std::string slot;         ///< postgres. Empty: SlotName().
  std::string publication;  ///< postgres. Empty: SlotName().
  std::int64_t snapshot_wait_ms = 30'000;
  std::int64_t max_stage_bytes = 10'000'000'000;
  std::int64_t max_wal_bytes = 10'000'000'000;
  std::uint32_t server_id = 0;   ///< mariadb. 0: DefaultServerId().
  std::string dialect = "auto";  ///< odbc: auto, postgres, mysql, sqlite, generic
};

/// Returns "_mirror_cust42" for "Cust42": in lower case, as context ids of one server
/// never differ by case alone. If another character than a letter or digit became
/// _, or the name exceeds 63 bytes, it ends with 8 hex digits of the id's hash.
std::string SlotName(const std::string& context_id);

/// Returns the `server_id` of a source without one, computed from the
/// context id: from 2^31 on, because people do not use such numbers.
std::uint32_t DefaultServerId(const std::string& context_id);

enum class SourceKind { kSqlite, kCsv, kXlsx, kPostgres, kMariadb, kOdbc };
/// The encoding of a file of kind csv.
enum class FileEncoding { kUtf8, kLatin1, kWindows1252 };
/// The tables in which a source shows its exchange, and the writer of its outbox: see ExchangeConfig.
enum class ExchangeLayout { kPlain, kDatajoin };
enum class ChangeCapture { kLog, kOutbox };

const EnumWords<SourceKind>& SourceKindWords();
std::string ToString(SourceKind kind);
std::optional<SourceKind> ParseSourceKind(std::string_view word);

/// Traits that all sources of a kind share. A new kind has a
/// line in source_config.cc; keys.toml lists its own keys.
struct KindTraits {
  SourceKind kind = SourceKind::kSqlite;
  /// The meaning of SourceConfig.path.
  enum class Place { kFile, kFolder, kServer } place = Place::kFile;
  const char* place_key = "path";           ///< The key of a [[source]] that says where it is.
  const char* called = "SQLite databases";  ///< Name of such sources, for people.
  bool has_log = true;                      ///< They can have a change log.
  bool lists_tables = false;                ///< Only tables with a [[source.table]] count.
  Strategy strategy = Strategy::kCdc;       ///< For a [[source]] without a strategy.
  bool has_reader = true;         ///< False: this build cannot read them, and no configuration may name them.
  bool reads_log = has_log;       ///< False: this build cannot read their log.
  bool reads_views = true;        ///< A view with a `key` counts as a table.
  bool takes_deliveries = false;  ///< An exchange can write deliveries into them.
};
const KindTraits& TraitsOf(SourceKind kind);

/// Returns the row of a table with a row for each kind; null: the kind has none.
template <typename Row, std::size_t size>
const Row* RowOfKind(const Row (&rows)[size], SourceKind kind) {
  for (const Row& row : rows) {
    if (row.kind == kind) return &row;
  }
  return nullptr;
}

/// Whether the source is one file, a database.
inline bool IsFile(SourceKind kind) { return TraitsOf(kind).place == KindTraits::Place::kFile; }
/// Whether the source is a folder of files.
inline bool IsFolder(SourceKind kind) { return TraitsOf(kind).place == KindTraits::Place::kFolder; }
/// Whether the source is a database of a server: see SourceConfig.server.
inline bool IsServer(SourceKind kind) { return TraitsOf(kind).place == KindTraits::Place::kServer; }

/// No run begins between `from` and `to`, minutes of the local
/// day; over midnight if `to` is smaller than `from`.
struct QuietHours {
  int from = 0, to = 0;
  bool Holds(int minute) const {
    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
  }
};

/// `deletes_from` of a [[source.table]]: see DeleteFeed.
struct DeletesFrom {
  std::string table;  ///< sqlite: a table or view of the source.
  std::string file;   ///< csv, xlsx: a pattern, as for a table.
  std::vector<std::string> key;
  std::string watermark;
  std::map<std::string, Type> types = {};  ///< csv, xlsx: as for a table.
};

/// One `[[source.table]]`. Each table of files has one, which also sets `file` to `encoding`.
struct TableConfig {
  int line = 0;  ///< In the file, for messages.
  std::string name;
  std::optional<Strategy> strategy = {};         ///< Not kPopulate. Absent: the source's.
  std::string watermark;                         ///< Last three strategies: column that shows changes.
  std::optional<DeletesFrom> deletes_from = {};  ///< watermark: the table with the deletes.
  Precision precision = {};                      ///< watermark_cdc
  std::int64_t window_ms = 30LL * 86'400'000;    ///< window
  std::optional<TimeFormat> time = {};           ///< window. Absent: see CaptureRule.
  bool staged = false;                           ///< `push`: see TargetRule.
  Deletes deletes = Deletes::kApply;             ///< How the mirror handles deletes.
  bool preserve_target = false;  ///< Rows and columns of the mirror that the source never owned stay.
  bool column_hashes = false;    ///< Only the changed columns of changed rows are sent.
  std::string file;              ///< A pattern; the last match by name counts. Default: the name with .csv.
  bool all_files = false;        ///< `files`: see FileTable.
  std::vector<std::string> key;  ///< Columns; none: the table has no key.
  std::map<std::string, Type> types = {};  ///< kInt64, kDouble, kText; of columns whose type is not guessed.
  std::string separator;                   ///< One character; empty: detected.
  std::string decimal;                     ///< "." or ","; empty: detected.
  std::string quote = "\"";                ///< One character.
  std::string sheet;                       ///< xlsx; empty: the first one.
  FileEncoding encoding = FileEncoding::kUtf8;
  TableSteps steps = {};  ///< as, columns, rename, where, hash, mask; with its name and line.
};

/// `accept`, `accept_tables`, `accept_columns`: what the exchange may write
/// into the source, whatever a hub requests. Names are the source's own.
struct AcceptConfig {
  bool inserts = false, updates = false, deletes = false;
  std::vector<std::string> tables = {"*"};     ///< Patterns.
  std::vector<std::string> columns = {"*.*"};  ///< Patterns of "table.column".
  bool any() const { return inserts || updates || deletes; }
};

/// `layout`, `capture`: the exchange's tables in the source. kPlain: only the agent's own.
/// kDatajoin: also boxes and pointers, which people and the application read.
struct ExchangeConfig {
  ExchangeLayout layout = ExchangeLayout::kPlain;
  /// For kDatajoin. kLog: the agent fills the outbox from the change
  /// log. kOutbox: the application writes the outbox itself.
  ChangeCapture capture = ChangeCapture::kLog;
  bool datajoin() const { return layout == ExchangeLayout::kDatajoin; }
};

/// One `[[source]]`: one database that feeds one tenant.
struct SourceConfig {
  int line = 0;  ///< In the file, for messages.
  std::string context_id;
  SourceKind kind = SourceKind::kSqlite;
  /// For files: the folder. For a server's database: a text for people that
  /// says where it is, as in SourceMark.path; there is no such file.
  std::string path;
  ServerSource server = {};
  /// For files: kSynthetic. If the strategy needs a column, tables without a [[source.table]] are synthetic.
  Strategy strategy = Strategy::kCdc;
  std::vector<TableConfig> tables = {};  ///< csv.
  std::int64_t settle_ms = 2'000;      ///< csv: a file written to within this time is left for the next run.
  std::string rejects;                 ///< For files: a folder for rows that cannot be parsed.
  bool keeps_rejects = true;           ///< Rejected rows are written there. Not configured.
  bool trusts_types = false;           ///< See SqliteReaderOptions. Not configured.
  std::vector<std::string> announced;  ///< Tables of the last run, see TableChoice. Not configured.
  bool keeps_twins = false;            ///< See TableChoice. Not configured.
  std::vector<std::string> include = {"*"}, skip;
  std::map<std::string, std::string> blocked = {};  ///< Patterns of tables never sent, with the reason.
  std::int64_t interval_ms = 20 * 60'000;        ///< run: from the begin of a cycle to that of the next one.
  std::optional<CronRule> cron = {};             ///< run: replaces the interval.
  std::vector<QuietHours> quiet = {};            ///< run
  bool follow = false;                           ///< run: a change begins a cycle, see ChangeSignal.
  std::int64_t follow_delay_ms = 0;              ///< run: from a change to the begin of its cycle.
  std::int64_t retention_ms = 7LL * 86'400'000;  ///< cdc: how long the log keeps changes that the mirror has.
  std::int64_t max_log = 10'000'000;             ///< cdc: maximum entries of one table's log.
  std::int64_t copy_at_once_bytes = CopyLimits().at_once;  ///< For a source with a rollback journal.
  std::int64_t count_interval_ms = 3'600'000;  ///< Between counts of a changed table over 100,000 rows.
  /// Time between comparisons of all tables with the mirror by digests; 0: only on request.
  std::int64_t verify_interval_ms = 86'400'000;
  bool repair = true;         ///< Differences that a comparison finds are repaired.
  std::string hash_key = {};  ///< The `hash_key` of [agent].
  AcceptConfig accept = {};   ///< Nothing accepted: the source has no exchange.
  ExchangeConfig exchange = {};
};

/// Returns the table's own strategy, else the source's.
inline Strategy StrategyOf(const SourceConfig& source, const TableConfig& table) {
  return table.strategy.value_or(source.strategy);
}
/// Whether any table uses the change log.
bool UsesLog(const SourceConfig& source);
/// For kind mariadb: the server id under which the agent reads the binlog.
inline std::uint32_t ServerIdOf(const SourceConfig& source) {
  return source.server.server_id == 0 ? DefaultServerId(source.context_id) : source.server.server_id;
}

/// The keys of [agent] that hold for each source.
struct SourceDefaults {
  std::string hash_key = {};
  bool follow = false;  ///< Only for sources that use a change log.
};
/// Reads the [[source]] entries of a file. Errors: see LoadAgentConfig().
absl::StatusOr<std::vector<SourceConfig>> LoadSources(const ConfigFile& file, const SourceDefaults& defaults);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_SOURCE_CONFIG_H_
