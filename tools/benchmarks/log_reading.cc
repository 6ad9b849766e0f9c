#include "tools/benchmarks/log_reading.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "base/db/mariadb/connection.h"
#include "base/db/postgres/connection.h"
#include "base/nonce.h"
#include "client/config/config.h"
#include "client/run/open_log.h"
#include "client/source/mariadb/log/binlog_stream.h"
#include "client/source/mariadb/log/binlog_tables.h"
#include "client/source/mariadb/log/rows_event.h"
#include "client/source/mariadb/log/table_map.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/postgres/log/log_stream.h"
#include "client/source/postgres/log/pgoutput.h"
#include "client/state/run_state.h"
#include "tools/benchmarks/stopwatch.h"

namespace mirror::bench {
namespace {

constexpr char kEnd[] = "mirror-bench";
constexpr std::chrono::seconds kSilence{60};
constexpr std::uint32_t kServerId = 4'000'000'001;

/// One binlog's changes, of all tables of a database.
class BinlogDecoder {
 public:
  static absl::StatusOr<BinlogDecoder> Make(const std::string& dsn) {
    const auto connection = mariadb::Connection::Open({.dsn = dsn});
    if (!connection.ok()) return connection.status();
    const absl::StatusOr<std::vector<MariadbTable>> tables = ReadMariadbTables(**connection);
    if (!tables.ok()) return tables.status();
    absl::StatusOr<BinlogCharsets> charsets = ReadBinlogCharsets(**connection);
    if (!charsets.ok()) return charsets.status();
    BinlogDecoder decoder;
    decoder.charsets_ = *std::move(charsets);
    for (const MariadbTable& table : *tables) decoder.tables_[table.name] = {1, table};
    return decoder;
  }

  absl::Status Take(const binlog::Event& event) {
    reading_.bytes += event.body.size();
    if (event.type == binlog::EventType::kTableMap) return TakeMap(event);
    if (!binlog::IsRows(event.type)) return absl::OkStatus();
    if (absl::Status read = binlog::ReadRows(event, &rows_); !read.ok()) return read;
    const auto mapped = maps_.find(rows_.map);
    return mapped == maps_.end() ? absl::OkStatus() : TakeRows(mapped->second);
  }
  LogReading& reading() { return reading_; }

 private:
  absl::Status TakeMap(const binlog::Event& event) {
    const absl::StatusOr<binlog::TableMap> map = binlog::ReadTableMap(event);
    if (!map.ok()) return map.status();
    const auto table = tables_.find(map->table);
    if (maps_.contains(map->id) || table == tables_.end()) return absl::OkStatus();
    std::optional<BinlogRows> rows = BinlogRows::Make(table->second, *map, charsets_);
    if (!rows) return absl::FailedPreconditionError("the binlog's table is not that of the catalogs");
    maps_.emplace(map->id, *std::move(rows));
    return absl::OkStatus();
  }

  absl::Status TakeRows(const BinlogRows& rows) {
    binlog::Bytes bytes(rows_.rows);
    while (!bytes.empty()) {
      LoggedChange change;
      bool is_read = rows.Slice(&bytes, rows_.image, &before_);
      if (rows_.kind == binlog::RowsKind::kUpdate)
        is_read = is_read && rows.Slice(&bytes, rows_.after, &after_);
      if (!is_read) return absl::DataLossError("a row of the binlog is damaged");
      BinlogRows::Told told = BinlogRows::Told::kUnknown;
      if (rows_.kind == binlog::RowsKind::kWrite) told = rows.Insert(before_, &change);
      if (rows_.kind == binlog::RowsKind::kUpdate) told = rows.Update(before_, after_, &change);
      if (rows_.kind == binlog::RowsKind::kDelete) told = rows.Delete(before_, &change);
      if (told == BinlogRows::Told::kUnknown) return absl::DataLossError("a value is not understood");
      ++reading_.changes;
    }
    return absl::OkStatus();
  }

  std::map<std::string, BinlogTable> tables_;
  BinlogCharsets charsets_;
  std::map<std::uint64_t, BinlogRows> maps_;
  binlog::RowsEvent rows_;
  std::vector<binlog::RowField> before_, after_;
  LogReading reading_;
};

}  // namespace

absl::StatusOr<LogReading> DecodePostgresLog(const std::string& url, const std::string& slot,
                                             const std::string& publication) {
  const auto connection = postgres::Connection::Open({.conninfo = url});
  if (!connection.ok()) return connection.status();
  // A slot that was read before has the ends of then.
  const std::string end = NewToken();
  const auto marked = (*connection)->Query("SELECT pg_logical_emit_message(true, $1, $2)", {kEnd, end});
  if (!marked.ok()) return marked.status();
  LogReading reading;
  const Clock::time_point start = Clock::now();
  const auto stream = LogStream::Open({.dsn = url}, slot, publication, 0);
  if (!stream.ok()) return stream.status();
  for (bool at_end = false; !at_end;) {
    const absl::StatusOr<std::optional<std::string_view>> data = (*stream)->Next(kSilence);
    if (!data.ok()) return data.status();
    if (!*data) return absl::DeadlineExceededError("the log's end did not come");
    reading.bytes += (*data)->size();
    const absl::StatusOr<pgoutput::Message> message = pgoutput::Decode(**data);
    if (!message.ok()) return message.status();
    if (const auto* emitted = std::get_if<pgoutput::Emitted>(&*message)) at_end = emitted->content == end;
    if (std::holds_alternative<pgoutput::Insert>(*message) ||
        std::holds_alternative<pgoutput::Update>(*message) ||
        std::holds_alternative<pgoutput::Delete>(*message)) {
      ++reading.changes;
    }
  }
  reading.seconds = Since(start);
  return reading;
}

absl::StatusOr<LogReading> DecodeBinlog(const std::string& dsn, const std::string& from) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(from, absl::MaxSplits(':', 1));
  BinlogPlace place{parts.first};
  if (!absl::SimpleAtoi(parts.second, &place.offset))
    return absl::InvalidArgumentError("a place is FILE:OFFSET");
  absl::StatusOr<BinlogDecoder> decoder = BinlogDecoder::Make(dsn);
  if (!decoder.ok()) return decoder.status();
  const Clock::time_point start = Clock::now();
  const auto stream =
      BinlogStream::Open({.connect = {.dsn = dsn}, .server_id = kServerId, .from = place, .to_end = true});
  if (!stream.ok()) return stream.status();
  for (;;) {
    const absl::StatusOr<std::optional<binlog::Event>> event = (*stream)->Next();
    if (!event.ok()) return event.status();
    if (!*event) break;
    if (absl::Status taken = decoder->Take(**event); !taken.ok()) return taken;
  }
  decoder->reading().seconds = Since(start);
  return decoder->reading();
}

absl::StatusOr<LogReading> StageLog(const std::string& config, const std::string& context_id) {
  const absl::StatusOr<AgentConfig> loaded = LoadAgentConfig(config);
  if (!loaded.ok()) return loaded.status();
  const auto source = std::find_if(loaded->sources.begin(), loaded->sources.end(),
                                   [&](const SourceConfig& one) { return one.context_id == context_id; });
  if (source == loaded->sources.end()) return absl::NotFoundError("the agent has no such source");
  const absl::StatusOr<RunState> state = RunState::Load(loaded->agent.state_dir, context_id);
  if (!state.ok()) return state.status();
  const auto log = OpenLog(*source, {loaded->agent.state_dir, state->source_id()});
  if (!log.ok()) return log.status();
  if (*log == nullptr) return absl::FailedPreconditionError("its log is not installed");
  LogReading reading;
  const Clock::time_point start = Clock::now();
  if (absl::Status staged = (*log)->Refresh(); !staged.ok()) return staged;
  reading.seconds = Since(start);
  return reading;
}

std::string LogReadingJson(const LogReading& reading) {
  return absl::StrFormat("{\"changes\":%d,\"bytes\":%d,\"seconds\":%.6f}", reading.changes, reading.bytes,
                         reading.seconds);
}

}  // namespace mirror::bench
