#ifndef MIRROR_CLIENT_CONFIG_SOURCE_CONFIG_H_
#define MIRROR_CLIENT_CONFIG_SOURCE_CONFIG_H_

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
  std::string password_file;  ///< 0600; of PostgreSQL a passfile.
  /// `schemas`: exactly one. mariadb: none, it is the database. odbc: empty unless given, all that the driver
  /// shows.
  std::string schema = "public";
  std::string slot;         ///< postgres. Empty: SlotName().
  std::string publication;  ///< postgres. Empty: SlotName().
  std::int64_t snapshot_wait_ms = 30'000;
  std::int64_t max_stage_bytes = 10'000'000'000;
  std::int64_t max_wal_bytes = 10'000'000'000;
  std::uint32_t server_id = 0;   ///< mariadb. 0: DefaultServerId().
  std::string dialect = "auto";  ///< odbc: auto, postgres, mysql, sqlite, generic
};

/// Of "Cust42" "_mirror_cust42": in lower case, in which no two context ids of a server are one. Where
/// another character than a letter or digit became _, or over 63 were too many, 8 hex digits of the id's hash
/// end it.
std::string SlotName(const std::string& context_id);

/// The `server_id` of a source that gives none, made of the context id: from 2^31 on, where people number no
/// servers.
std::uint32_t DefaultServerId(const std::string& context_id);

enum class SourceKind { kSqlite, kCsv, kXlsx, kPostgres, kMariadb, kOdbc };
/// Of a file of kind csv.
enum class FileEncoding { kUtf8, kLatin1, kWindows1252 };
/// What a source with an exchange shows of it, and who tells there what changed: see ExchangeConfig.
enum class ExchangeLayout { kPlain, kDatajoin };
enum class ChangeCapture { kLog, kOutbox };

const EnumWords<SourceKind>& SourceKindWords();
std::string ToString(SourceKind kind);
std::optional<SourceKind> ParseSourceKind(std::string_view word);

/// What all sources of a kind have in common. A new kind has a line in source_config.cc; which keys are its
/// own, keys.toml says.
struct KindTraits {
  SourceKind kind = SourceKind::kSqlite;
  /// What SourceConfig.path is.
  enum class Place { kFile, kFolder, kServer } place = Place::kFile;
  const char* place_key = "path";           ///< Of a [[source]]: says where it is.
  const char* called = "SQLite databases";  ///< Such sources, for people.
  bool has_log = true;                      ///< They can have a change log.
  bool lists_tables = false;                ///< A table without a [[source.table]] is none of them.
  Strategy strategy = Strategy::kCdc;       ///< Of a [[source]] that names none.
  bool has_reader = true;         ///< False: this build cannot read them, and no configuration names them.
  bool reads_log = has_log;       ///< False: this build cannot read their log.
  bool reads_views = true;        ///< A view of theirs with a `key` is a table.
  bool takes_deliveries = false;  ///< What an exchange delivers can be written into them.
};
const KindTraits& TraitsOf(SourceKind kind);

/// Whether the source is one file, a database.
inline bool IsFile(SourceKind kind) { return TraitsOf(kind).place == KindTraits::Place::kFile; }
/// Whether the source is a folder of files.
inline bool IsFolder(SourceKind kind) { return TraitsOf(kind).place == KindTraits::Place::kFolder; }
/// Whether the source is a database of a server: SourceConfig.server says which.
inline bool IsServer(SourceKind kind) { return TraitsOf(kind).place == KindTraits::Place::kServer; }

/// No run begins from `from` until `to`, minutes of the local day; over midnight when `to` is the smaller
/// one.
struct QuietHours {
  int from = 0, to = 0;
  bool Holds(int minute) const {
    return from < to ? minute >= from && minute < to : minute >= from || minute < to;
  }
};

/// `deletes_from` of a [[source.table]]: see DeleteFeed.
struct DeletesFrom {
  std::string table;  ///< sqlite: a table or view of the source.
  std::string file;   ///< csv, xlsx: a pattern, as that of a table.
  std::vector<std::string> key;
  std::string watermark;
  std::map<std::string, Type> types = {};  ///< csv, xlsx: as those of a table.
};

/// One `[[source.table]]`. Of kind csv each table has one, with `file` to `encoding`.
struct TableConfig {
  int line = 0;  ///< In the file, for messages.
  std::string name;
  std::optional<Strategy> strategy = {};         ///< Not kPopulate. Absent: the source's.
  std::string watermark;                         ///< The column by which the last three find what changed.
  std::optional<DeletesFrom> deletes_from = {};  ///< watermark: where deletes are told.
  Precision precision = {};                      ///< watermark_cdc
  std::int64_t window_ms = 30LL * 86'400'000;    ///< window
  std::optional<TimeFormat> time = {};           ///< window. Absent: see CaptureRule.
  bool staged = false;                           ///< `push`: see TargetRule.
  Deletes deletes = Deletes::kApply;             ///< What the mirror does with them.
  bool preserve_target = false;  ///< Rows and columns of the mirror that the source never owned stay.
  bool column_hashes = false;    ///< Of rows that changed only the columns are sent that did.
  std::string file;              ///< A pattern; the last one by name counts. Default: the name with .csv.
  bool all_files = false;        ///< `files`: see FileTable.
  std::vector<std::string> key;  ///< Columns; none: the table has no key.
  std::map<std::string, Type> types = {};  ///< kInt64, kDouble, kText; of columns where it is not guessed.
  std::string separator;                   ///< One character; empty: found out.
  std::string decimal;                     ///< "." or ","; empty: found out.
  std::string quote = "\"";                ///< One character.
  std::string sheet;                       ///< xlsx; empty: the first one.
  FileEncoding encoding = FileEncoding::kUtf8;
  TableSteps steps = {};  ///< as, columns, rename, where, hash, mask; with its name and line.
};

/// `accept`, `accept_tables`, `accept_columns`: what the exchange may write into the source, whatever a hub
/// says. Names are the source's own.
struct AcceptConfig {
  bool inserts = false, updates = false, deletes = false;
  std::vector<std::string> tables = {"*"};     ///< Patterns.
  std::vector<std::string> columns = {"*.*"};  ///< Patterns of "table.column".
  bool any() const { return inserts || updates || deletes; }
};

/// `layout`, `capture`: which tables the exchange has in the source. kPlain: the agent's own alone.
/// kDatajoin: boxes and pointers beside them, which people and the application read.
struct ExchangeConfig {
  ExchangeLayout layout = ExchangeLayout::kPlain;
  /// kDatajoin. kLog: the change log, from which the outbox is filled. kOutbox: the application, which writes
  /// the outbox itself.
  ChangeCapture capture = ChangeCapture::kLog;
  bool datajoin() const { return layout == ExchangeLayout::kDatajoin; }
};

/// One `[[source]]`: one database that feeds one tenant.
struct SourceConfig {
  int line = 0;  ///< In the file, for messages.
  std::string context_id;
  SourceKind kind = SourceKind::kSqlite;
  /// Of files: the folder. Of a server's database: where it is, for people, as SourceMark.path says it;
  /// nothing that could be opened.
  std::string path;
  ServerSource server = {};
  /// Of files: kSynthetic. Of the three that need a column, tables without a [[source.table]] are synthetic.
  Strategy strategy = Strategy::kCdc;
  std::vector<TableConfig> tables = {};  ///< csv.
  std::int64_t settle_ms = 2'000;  ///< csv: a file that was written to in this time is left for the next run.
  std::string rejects;             ///< Of files: a folder for rows that cannot be taken.
  bool keeps_rejects = true;       ///< They are written there. Not configured.
  bool trusts_types = false;       ///< See SqliteReaderOptions. Not configured.
  std::vector<std::string> announced;  ///< Tables of the last run, see TableChoice. Not configured.
  bool keeps_twins = false;            ///< See TableChoice. Not configured.
  std::vector<std::string> include = {"*"}, skip;
  std::map<std::string, std::string> blocked = {};  ///< Patterns of tables that never leave, with the reason.
  std::int64_t interval_ms = 20 * 60'000;        ///< run: from the begin of a cycle to that of the next one.
  std::optional<CronRule> cron = {};             ///< run: in place of the interval.
  std::vector<QuietHours> quiet = {};            ///< run
  std::int64_t retention_ms = 7LL * 86'400'000;  ///< cdc: how long the log keeps what the mirror has.
  std::int64_t max_log = 10'000'000;             ///< cdc: entries of one table's log.
  std::int64_t copy_at_once_bytes = CopyLimits().at_once;  ///< Of a source with a rollback journal.
  std::int64_t count_interval_ms = 3'600'000;  ///< How often a changed table over 100,000 rows is counted.
  /// How often all tables are compared with the mirror by digests; 0: only when it is asked for.
  std::int64_t verify_interval_ms = 86'400'000;
  bool repair = true;         ///< What a comparison finds is mended.
  std::string hash_key = {};  ///< That of [agent].
  AcceptConfig accept = {};   ///< None: the source has no exchange.
  ExchangeConfig exchange = {};
};

/// That of a table of its own, else the source's.
inline Strategy StrategyOf(const SourceConfig& source, const TableConfig& table) {
  return table.strategy.value_or(source.strategy);
}
/// Of kind mariadb: as whom its binlog is read.
inline std::uint32_t ServerIdOf(const SourceConfig& source) {
  return source.server.server_id == 0 ? DefaultServerId(source.context_id) : source.server.server_id;
}

/// The [[source]] of a file. `hash_key`: that of [agent]. Errors: see LoadAgentConfig().
absl::StatusOr<std::vector<SourceConfig>> LoadSources(const ConfigFile& file, const std::string& hash_key);

}  // namespace mirror

#endif  // MIRROR_CLIENT_CONFIG_SOURCE_CONFIG_H_
