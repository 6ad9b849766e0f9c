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
#include "base/status_macros.h"
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
    ASSIGN_OR_RETURN(const auto connection, mariadb::Connection::Open({.dsn = dsn}));
    ASSIGN_OR_RETURN(const std::vector<MariadbTable> tables, ReadMariadbTables(*connection));
    ASSIGN_OR_RETURN(BinlogCharsets charsets, ReadBinlogCharsets(*connection));
    BinlogDecoder decoder;
    decoder.charsets_ = std::move(charsets);
    for (const MariadbTable& table : tables) decoder.tables_[table.name] = {1, table};
    return decoder;
  }

  absl::Status Take(const binlog::Event& event) {
    reading_.bytes += event.body.size();
    if (event.type == binlog::EventType::kTableMap) return TakeMap(event);
    if (!binlog::IsRows(event.type)) return absl::OkStatus();
    RETURN_IF_ERROR(binlog::ReadRows(event, &rows_));
    const auto mapped = maps_.find(rows_.map);
    return mapped == maps_.end() ? absl::OkStatus() : TakeRows(mapped->second);
  }
  LogReading& reading() { return reading_; }

 private:
  absl::Status TakeMap(const binlog::Event& event) {
    ASSIGN_OR_RETURN(const binlog::TableMap map, binlog::ReadTableMap(event));
    const auto table = tables_.find(map.table);
    if (maps_.contains(map.id) || table == tables_.end()) return absl::OkStatus();
    std::optional<BinlogRows> rows = BinlogRows::Make(table->second, map, charsets_);
    if (!rows) return absl::FailedPreconditionError("the binlog's table is not that of the catalogs");
    maps_.emplace(map.id, *std::move(rows));
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
  ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open({.conninfo = url}));
  // A slot that was read before has the ends of then.
  const std::string end = NewToken();
  const auto marked = connection->Query("SELECT pg_logical_emit_message(true, $1, $2)", {kEnd, end});
  if (!marked.ok()) return marked.status();
  LogReading reading;
  const Clock::time_point start = Clock::now();
  ASSIGN_OR_RETURN(const auto stream, LogStream::Open({.dsn = url}, slot, publication, 0));
  for (bool at_end = false; !at_end;) {
    ASSIGN_OR_RETURN(const std::optional<std::string_view> data, stream->Next(kSilence));
    if (!data) return absl::DeadlineExceededError("the log's end did not come");
    reading.bytes += data->size();
    ASSIGN_OR_RETURN(const pgoutput::Message message, pgoutput::Decode(*data));
    if (const auto* emitted = std::get_if<pgoutput::Emitted>(&message)) at_end = emitted->content == end;
    if (std::holds_alternative<pgoutput::Insert>(message) ||
        std::holds_alternative<pgoutput::Update>(message) ||
        std::holds_alternative<pgoutput::Delete>(message)) {
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
  ASSIGN_OR_RETURN(BinlogDecoder decoder, BinlogDecoder::Make(dsn));
  const Clock::time_point start = Clock::now();
  ASSIGN_OR_RETURN(
      const auto stream,
      BinlogStream::Open({.connect = {.dsn = dsn}, .server_id = kServerId, .from = place, .to_end = true}));
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<binlog::Event> event, stream->Next());
    if (!event) break;
    RETURN_IF_ERROR(decoder.Take(*event));
  }
  decoder.reading().seconds = Since(start);
  return decoder.reading();
}

absl::StatusOr<LogReading> StageLog(const std::string& config, const std::string& context_id) {
  ASSIGN_OR_RETURN(const AgentConfig loaded, LoadAgentConfig(config));
  const auto source = std::find_if(loaded.sources.begin(), loaded.sources.end(),
                                   [&](const SourceConfig& one) { return one.context_id == context_id; });
  if (source == loaded.sources.end()) return absl::NotFoundError("the agent has no such source");
  ASSIGN_OR_RETURN(const RunState state, RunState::Load(loaded.agent.state_dir, context_id));
  ASSIGN_OR_RETURN(const auto log, OpenLog(*source, {loaded.agent.state_dir, state.source_id()}));
  if (log == nullptr) return absl::FailedPreconditionError("its log is not installed");
  LogReading reading;
  const Clock::time_point start = Clock::now();
  RETURN_IF_ERROR(log->Refresh());
  reading.seconds = Since(start);
  return reading;
}

std::string LogReadingJson(const LogReading& reading) {
  return absl::StrFormat("{\"changes\":%d,\"bytes\":%d,\"seconds\":%.6f}", reading.changes, reading.bytes,
                         reading.seconds);
}

}  // namespace mirror::bench
