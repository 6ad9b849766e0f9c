#include "client/run/open_source.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#include "base/folded_name.h"
#include "base/status_macros.h"
#include "client/run/source_rules.h"
#include "client/source/capture/capture_reader.h"
#include "client/source/files/file_reader.h"
#include "client/source/mariadb/mariadb_log.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "client/source/odbc/odbc_dialect.h"
#include "client/source/odbc/odbc_reader.h"
#include "client/source/postgres/postgres_log.h"
#include "client/source/postgres/postgres_reader.h"
#include "client/source/sqlite/log/change_log.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "proto/wire/exchange/ledger.h"

namespace mirror {
namespace {

using Records = std::map<std::string, std::string>;

CsvEncoding EncodingOf(FileEncoding encoding) {
  switch (encoding) {
    case FileEncoding::kLatin1:
      return CsvEncoding::kLatin1;
    case FileEncoding::kWindows1252:
      return CsvEncoding::kWindows1252;
    case FileEncoding::kUtf8:
      break;
  }
  return CsvEncoding::kUtf8;
}

/// If the key cannot be read, the reader that needs it reports the error.
std::optional<TenantHashKey> KeyOrNone(const SourceConfig& source) {
  absl::StatusOr<std::optional<TenantHashKey>> key = HashKeyOf(source);
  return key.ok() ? *std::move(key) : std::nullopt;
}

// --- Files --------------------------------------------------------------------

FileTable FileOf(const SourceConfig& source, const TableConfig& table) {
  FileTable file;
  file.name = table.name;
  file.file = table.file;
  file.key = table.key;
  file.all_files = table.all_files;
  file.types = table.types;
  if (!table.separator.empty()) file.csv.separator = table.separator.front();
  if (!table.decimal.empty()) file.csv.decimal = table.decimal.front();
  file.csv.quote = table.quote.front();
  file.csv.encoding = EncodingOf(table.encoding);
  file.workbook = source.kind == SourceKind::kXlsx;
  file.sheet = table.sheet;
  file.steps = table.steps;
  return file;
}

std::unique_ptr<SourceReader> OpenFiles(const SourceConfig& source,
                                        std::map<std::string, std::string> records, SourceLog* /*log*/,
                                        std::function<bool(const std::string&)> /*takes*/) {
  FileReaderOptions options{source.path, {}, source.rejects, source.settle_ms};
  options.records = std::move(records);
  options.hash_key = KeyOrNone(source);
  options.keeps_rejects = source.keeps_rejects;
  for (const TableConfig& table : source.tables) options.tables.push_back(FileOf(source, table));
  return OpenFileReader(std::move(options));
}

std::unique_ptr<SourceReader> OpenFileFeeds(const SourceConfig& source, Records records) {
  FileReaderOptions options{source.path, {}, source.rejects, source.settle_ms};
  options.records = std::move(records);
  options.keeps_rejects = source.keeps_rejects;
  // The record of a feed is kept only with its table's; a feed that lacks entries is read again.
  options.looks_twice = false;
  for (const TableConfig& table : source.tables) {
    if (!table.deletes_from) continue;
    FileTable file = FileOf(source, table);
    file.name = FeedName(table);
    file.file = table.deletes_from->file;
    file.key = table.deletes_from->key;
    // Its columns get the types of the table's own key.
    file.types = table.deletes_from->types;
    for (const std::string& part : file.key) {
      const bool grows = SameName(part, table.deletes_from->watermark);
      if (!grows && !file.DeclaredTypeOf(part)) file.types[part] = Type::kText;
    }
    file.steps = {};
    options.tables.push_back(std::move(file));
  }
  return OpenFileReader(std::move(options));
}

// --- SQLite -------------------------------------------------------------------

std::unique_ptr<SourceReader> OpenSqlite(const SourceConfig& source,
                                         std::map<std::string, std::string> records, SourceLog* log,
                                         std::function<bool(const std::string&)> takes) {
  SqliteReaderOptions options{source.path, source.include, source.skip, source.blocked, std::move(records)};
  for (const TableConfig& table : source.tables) {
    if (table.steps.any()) options.steps.push_back(table.steps);
    if (!table.key.empty()) options.keys[FoldName(table.name)] = table.key;
  }
  options.hash_key = KeyOrNone(source);
  options.copy.at_once = source.copy_at_once_bytes;
  // OpenLog() makes this class for this kind.
  options.log = static_cast<ChangeLog*>(log);
  options.takes = std::move(takes);
  options.trusts_types = source.trusts_types;
  if (source.accept.any()) options.ours.emplace_back(kLedgerTable);
  return OpenSqliteReader(std::move(options));
}

std::unique_ptr<SourceReader> OpenSqliteFeeds(const SourceConfig& source, Records records) {
  SqliteReaderOptions options;
  options.path = source.path;
  options.copy.at_once = source.copy_at_once_bytes;
  options.include.clear();
  for (const TableConfig& table : source.tables) {
    if (table.deletes_from) options.include.push_back(FeedName(table));
  }
  options.records = std::move(records);
  for (const std::string& name : options.include) options.keyless_views.insert(FoldName(name));
  return OpenSqliteReader(std::move(options));
}

std::unique_ptr<SourceReader> OpenSqliteWhole(const SourceConfig& source,
                                              const std::vector<std::string>& views) {
  SqliteReaderOptions options;
  options.path = source.path;
  for (const std::string& view : views) options.keyless_views.insert(FoldName(view));
  return OpenSqliteReader(std::move(options));
}

// --- Servers ------------------------------------------------------------------

/// Sets the tables of a source that is a database of a server, whatever its kind.
void ChooseTables(const SourceConfig& source, Records records, std::function<bool(const std::string&)> takes,
                  ServerReaderOptions* options) {
  options->choice = ChoiceOf(source);
  options->choice.takes = std::move(takes);
  options->records = std::move(records);
  for (const TableConfig& table : source.tables) {
    if (table.steps.any()) options->steps.push_back(table.steps);
    if (!table.key.empty()) options->keys[FoldName(table.name)] = table.key;
  }
  options->hash_key = KeyOrNone(source);
}

/// Sets the tables named in deletes_from.
void ChooseFeeds(const SourceConfig& source, Records records, ServerReaderOptions* options) {
  options->choice.include.clear();
  for (const TableConfig& table : source.tables) {
    if (table.deletes_from) options->choice.include.push_back(FeedName(table));
  }
  options->records = std::move(records);
}

PostgresReaderOptions PostgresOptions(const SourceConfig& source, SourceLog* log) {
  PostgresReaderOptions options;
  options.access = PostgresAccessOf(source);
  options.schema = source.server.schema;
  // OpenLog() makes this class for this kind.
  options.log = static_cast<PostgresLog*>(log);
  return options;
}

MariadbReaderOptions MariadbOptions(const SourceConfig& source, SourceLog* log) {
  MariadbReaderOptions options;
  options.access = MariadbAccessOf(source);
  // OpenLog() makes this class for this kind.
  options.log = static_cast<MariadbLog*>(log);
  return options;
}

OdbcReaderOptions OdbcOptions(const SourceConfig& source, SourceLog* /*log*/) {
  OdbcReaderOptions options;
  options.access = OdbcAccessOf(source);
  return options;
}

/// `Options`: returns those of the kind's reader; the log may be null. `Open`: opens the reader.
template <auto Options, auto Open>
std::unique_ptr<SourceReader> OpenServer(const SourceConfig& source, Records records, SourceLog* log,
                                         std::function<bool(const std::string&)> takes) {
  auto options = Options(source, log);
  options.settles = true;
  ChooseTables(source, std::move(records), std::move(takes), &options);
  return Open(std::move(options));
}

template <auto Options, auto Open>
std::unique_ptr<SourceReader> OpenServerFeeds(const SourceConfig& source, Records records) {
  auto options = Options(source, nullptr);
  ChooseFeeds(source, std::move(records), &options);
  return Open(std::move(options));
}

template <auto Options, auto Open>
std::unique_ptr<SourceReader> OpenServerWhole(const SourceConfig& source,
                                              const std::vector<std::string>& /*views*/) {
  return Open(Options(source, nullptr));
}

// ------------------------------------------------------------------------------

struct Kind {
  SourceKind kind;
  std::unique_ptr<SourceReader> (*open)(const SourceConfig&, Records, SourceLog*,
                                        std::function<bool(const std::string&)>);
  std::unique_ptr<SourceReader> (*open_feeds)(const SourceConfig&, Records);
  /// Null: see OpenWholeSource().
  std::unique_ptr<SourceReader> (*open_whole)(const SourceConfig&, const std::vector<std::string>&);
};
template <auto Options, auto Open>
constexpr Kind ServerKind(SourceKind kind) {
  return {kind, OpenServer<Options, Open>, OpenServerFeeds<Options, Open>, OpenServerWhole<Options, Open>};
}
constexpr Kind kKinds[] = {{SourceKind::kSqlite, OpenSqlite, OpenSqliteFeeds, OpenSqliteWhole},
                           {SourceKind::kCsv, OpenFiles, OpenFileFeeds, nullptr},
                           {SourceKind::kXlsx, OpenFiles, OpenFileFeeds, nullptr},
                           ServerKind<PostgresOptions, OpenPostgresReader>(SourceKind::kPostgres),
                           ServerKind<MariadbOptions, OpenMariadbReader>(SourceKind::kMariadb),
                           ServerKind<OdbcOptions, OpenOdbcReader>(SourceKind::kOdbc)};

const Kind& KindOf(const SourceConfig& source) {
  return *std::find_if(std::begin(kKinds), std::end(kKinds) - 1,
                       [&source](const Kind& kind) { return kind.kind == source.kind; });
}

/// Null: there are none.
absl::StatusOr<std::unique_ptr<SourceReader>> OpenFeeds(const SourceConfig& source, CaptureState& state) {
  bool any = false;
  std::map<std::string, std::string> records;
  for (const TableConfig& table : source.tables) {
    if (!table.deletes_from) continue;
    any = true;
    ASSIGN_OR_RETURN(const std::optional<CaptureState::Table> known, state.Find(SentName(table)));
    if (known && !known->feed_record.empty()) records[FeedName(table)] = known->feed_record;
  }
  return any ? OpenFeedSource(source, std::move(records)) : nullptr;
}

}  // namespace

std::unique_ptr<SourceReader> OpenSource(const SourceConfig& source, Records records, SourceLog* log,
                                         std::function<bool(const std::string&)> takes) {
  return KindOf(source).open(source, std::move(records), log, std::move(takes));
}

std::unique_ptr<SourceReader> OpenFeedSource(const SourceConfig& source, Records records) {
  return KindOf(source).open_feeds(source, std::move(records));
}

std::unique_ptr<SourceReader> OpenWholeSource(const SourceConfig& source,
                                              const std::vector<std::string>& views) {
  const auto open = KindOf(source).open_whole;
  return open == nullptr ? nullptr : open(source, views);
}

Pipeline PipelineOf(const SourceConfig& source, std::map<std::string, std::string> records,
                    const std::function<bool(const std::string&)>& takes) {
  std::vector<TableSteps> steps;
  for (const TableConfig& table : source.tables) {
    if (table.steps.any() && (!takes || takes(table.name))) steps.push_back(table.steps);
  }
  return {std::move(steps), HashKeyOf(source), std::move(records)};
}

std::unique_ptr<PipelineReader> OpenReader(const SourceConfig& source,
                                           std::map<std::string, std::string> records, SourceLog* log,
                                           std::function<bool(const std::string&)> takes) {
  Pipeline pipeline = PipelineOf(source, std::move(records), takes);
  auto inner = OpenSource(source, pipeline.InnerRecords(), log, std::move(takes));
  return std::make_unique<PipelineReader>(std::move(inner), std::move(pipeline));
}

absl::StatusOr<CapturedSource> OpenCaptured(const SourceConfig& source, const CaptureRules& rules,
                                            const std::map<std::string, std::string>& records,
                                            CaptureState& state, SourceLog* log,
                                            std::function<bool(const std::string&)> never_sent) {
  const auto captures = [rules, source](const std::string& table) { return Captures(source, rules, table); };
  std::unique_ptr<PipelineReader> others;
  if (!rules.others || !rules.logged.empty()) {
    others =
        OpenReader(source, records, log, [captures](const std::string& table) { return !captures(table); });
  }
  auto captured = OpenReader(source, records, nullptr, captures);
  const PipelineReader* const logged = others.get();
  ASSIGN_OR_RETURN(std::unique_ptr<SourceReader> feeds, OpenFeeds(source, state));
  CaptureSources sources{std::move(captured), std::move(others), std::move(feeds)};
  return CapturedSource{OpenCaptureReader(std::move(sources), state, rules, std::move(never_sent)), logged};
}

}  // namespace mirror
