#include "tools/benchmarks/source_reading.h"

#include <sql.h>
#include <sqlext.h>

#include <algorithm>
#include <array>
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
#include "absl/strings/strip.h"
#include "base/db/mariadb/connection.h"
#include "base/db/postgres/connection.h"
#include "base/nonce.h"
#include "base/status_macros.h"
#include "client/config/config.h"
#include "client/run/open_log.h"
#include "client/source/mariadb/binlog_stream.h"
#include "client/source/mariadb/binlog_tables.h"
#include "client/source/mariadb/mariadb_catalog.h"
#include "client/source/mariadb/mariadb_reader.h"
#include "client/source/mariadb/rows_event.h"
#include "client/source/mariadb/table_map.h"
#include "client/source/odbc/odbc_reader.h"
#include "client/source/postgres/log_stream.h"
#include "client/source/postgres/pgoutput.h"
#include "client/source/postgres/postgres_reader.h"
#include "client/source/sqlite/sqlite_reader.h"
#include "client/state/run_state.h"
#include "tools/benchmarks/step.h"

namespace mirror::bench {
namespace {

class NoLargeValues : public LargeSink {
 public:
  std::uint64_t NewValue() override { return ++last_; }
  absl::Status Part(std::uint32_t, std::uint64_t, std::uint64_t, std::string_view) override {
    return absl::OkStatus();
  }

 private:
  std::uint64_t last_ = 0;
};

std::unique_ptr<SourceReader> OpenReader(const std::string& place,
                                         const std::map<std::string, std::string>& records) {
  if (place.rfind("postgresql://", 0) == 0) {
    PostgresReaderOptions options;
    options.access.dsn = place;
    options.records = records;
    return OpenPostgresReader(std::move(options));
  }
  if (absl::string_view dsn = place; absl::ConsumePrefix(&dsn, "odbc:")) {
    OdbcReaderOptions options;
    options.access.dsn = std::string(dsn);
    options.records = records;
    return OpenOdbcReader(std::move(options));
  }
  if (absl::string_view dsn = place; absl::ConsumePrefix(&dsn, "mariadb:")) {
    MariadbReaderOptions options;
    options.access.dsn = std::string(dsn);
    options.records = records;
    return OpenMariadbReader(std::move(options));
  }
  SqliteReaderOptions options;
  options.path = place;
  options.records = records;
  return OpenSqliteReader(std::move(options));
}

constexpr std::size_t kTextBytes = 256;

class Handle {
 public:
  Handle(SQLSMALLINT type, SQLHANDLE parent) : type_(type) {
    if (!SQL_SUCCEEDED(SQLAllocHandle(type, parent, &handle_))) handle_ = SQL_NULL_HANDLE;
  }
  ~Handle() {
    if (handle_ != SQL_NULL_HANDLE) SQLFreeHandle(type_, handle_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  SQLHANDLE get() const { return handle_; }
  absl::Status Failed() const {
    std::array<SQLCHAR, 6> state{};
    std::array<SQLCHAR, 512> words{};
    SQLGetDiagRec(type_, handle_, 1, state.data(), nullptr, words.data(), words.size(), nullptr);
    return absl::UnknownError(absl::StrCat("ODBC: ", reinterpret_cast<const char*>(words.data())));
  }

 private:
  const SQLSMALLINT type_;
  SQLHANDLE handle_ = SQL_NULL_HANDLE;
};

SQLCHAR* Words(const std::string& text) {
  return reinterpret_cast<SQLCHAR*>(const_cast<char*>(text.c_str()));
}

class Session {
 public:
  Session() : environment_(SQL_HANDLE_ENV, SQL_NULL_HANDLE) {
    SQLSetEnvAttr(environment_.get(), SQL_ATTR_ODBC_VERSION, reinterpret_cast<SQLPOINTER>(SQL_OV_ODBC3), 0);
    connection_ = std::make_unique<Handle>(SQL_HANDLE_DBC, environment_.get());
  }
  ~Session() {
    if (is_connected_) SQLDisconnect(connection_->get());
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  absl::Status Connect(const std::string& to) {
    is_connected_ = SQL_SUCCEEDED(SQLDriverConnect(connection_->get(), nullptr, Words(to), SQL_NTS, nullptr,
                                                   0, nullptr, SQL_DRIVER_NOPROMPT));
    return is_connected_ ? absl::OkStatus() : connection_->Failed();
  }
  SQLHANDLE connection() const { return connection_->get(); }

 private:
  Handle environment_;
  std::unique_ptr<Handle> connection_;
  bool is_connected_ = false;
};

constexpr char kEnd[] = "mirror-bench";
constexpr std::chrono::seconds kSilence{60};
constexpr std::uint32_t kServerId = 4'000'000'001;

/// Decodes the changes of one binlog, for all tables of a database.
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
    if (!rows) return absl::FailedPreconditionError("binlog and catalogs describe the table differently");
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
      if (told == BinlogRows::Told::kUnknown) return absl::DataLossError("a value cannot be decoded");
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

absl::StatusOr<SourceReading> ReadSource(const std::string& place) {
  SourceReading reading;
  std::map<std::string, std::string> records;
  Clock::time_point start = Clock::now();
  ASSIGN_OR_RETURN(const auto first, OpenReader(place, records)->Schema());
  reading.first_look_seconds = Since(start);
  for (const SourceTable& table : first.tables) records[table.schema.name] = table.record;

  start = Clock::now();
  const auto reader = OpenReader(place, records);
  ASSIGN_OR_RETURN(const auto schema, reader->Schema());
  NoLargeValues sink;
  for (const SourceTable& table : schema.tables) {
    const std::vector<std::uint32_t> columns = table.schema.AllColumns();
    ASSIGN_OR_RETURN(const auto rows, reader->Read(table.schema.name, columns));
    for (bool more = true; more;) {
      RowBlock block = RowBlock::For(table.schema, columns);
      ASSIGN_OR_RETURN(more, rows->Next(BlockSize{}, &block, &sink));
      reading.rows += block.rows();
      reading.bytes += block.bytes();
    }
  }
  reading.seconds = Since(start);
  return reading;
}

std::string ReadingJson(const SourceReading& reading) {
  return absl::StrFormat("{\"rows\":%d,\"bytes\":%d,\"first_look_seconds\":%.6f,\"seconds\":%.6f}",
                         reading.rows, reading.bytes, reading.first_look_seconds, reading.seconds);
}

absl::StatusOr<SourceReading> FetchBare(const std::string& connection, const std::string& sql) {
  Session session;
  RETURN_IF_ERROR(session.Connect(connection));
  SourceReading reading;
  const Clock::time_point start = Clock::now();
  const Handle statement(SQL_HANDLE_STMT, session.connection());
  if (!SQL_SUCCEEDED(SQLExecDirect(statement.get(), Words(sql), SQL_NTS))) return statement.Failed();
  SQLSMALLINT columns = 0;
  SQLNumResultCols(statement.get(), &columns);
  std::vector<std::array<char, kTextBytes>> texts(static_cast<std::size_t>(columns));
  std::vector<SQLLEN> sizes(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    SQLBindCol(statement.get(), static_cast<SQLUSMALLINT>(i + 1), SQL_C_CHAR, texts[i].data(), kTextBytes,
               &sizes[i]);
  }
  SQLRETURN fetched = SQLFetch(statement.get());
  for (; fetched == SQL_SUCCESS; fetched = SQLFetch(statement.get())) {
    ++reading.rows;
    for (const SQLLEN size : sizes) reading.bytes += size > 0 ? static_cast<std::uint64_t>(size) : 0;
  }
  // With SQL_SUCCESS_WITH_INFO a text was truncated, and the measurement would be wrong.
  if (fetched != SQL_NO_DATA) return statement.Failed();
  reading.seconds = Since(start);
  return reading;
}

absl::StatusOr<LogReading> DecodePostgresLog(const std::string& url, const std::string& slot,
                                             const std::string& publication) {
  ASSIGN_OR_RETURN(const auto connection, postgres::Connection::Open({.conninfo = url}));
  // The slot may contain end marks of earlier measurements.
  const std::string end = NewToken();
  const auto marked = connection->Query("SELECT pg_logical_emit_message(true, $1, $2)", {kEnd, end});
  if (!marked.ok()) return marked.status();
  LogReading reading;
  const Clock::time_point start = Clock::now();
  ASSIGN_OR_RETURN(const auto stream, LogStream::Open({.dsn = url}, slot, publication, 0));
  for (bool at_end = false; !at_end;) {
    ASSIGN_OR_RETURN(const std::optional<std::string_view> data, stream->Next(kSilence));
    if (!data) return absl::DeadlineExceededError("the end of the log was not reached");
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
    return absl::InvalidArgumentError("--from must be FILE:OFFSET");
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
  if (log == nullptr) return absl::FailedPreconditionError("the source's log is not installed");
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
