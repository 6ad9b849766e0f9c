#include "server/store/sqlite/sqlite_snapshot.h"

#include <sqlite3.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/db/sqlite/connection.h"
#include "base/db/sqlite/row_digest.h"
#include "base/status_macros.h"
#include "server/store/sqlite/file/sql.h"
#include "server/store/sqlite/file/sqlite_connection.h"
#include "server/store/sqlite/file/sqlite_copy.h"
#include "server/store/sqlite/history/sqlite_journal_reader.h"
#include "server/store/sqlite/history/sqlite_version_reader.h"
#include "server/store/sqlite/records/sqlite_metadata.h"
#include "server/store/sqlite/rows/sqlite_range.h"
#include "server/store/sqlite/rows/sqlite_stored_row.h"
#include "server/store/sqlite/sqlite_contents.h"

namespace mirror {
namespace {

constexpr char kDigestFunction[] = "_mirror_digest";
/// Instructions of SQLite's machine between two looks whether to go on: a few milliseconds.
constexpr int kStepsBetweenLooks = 100'000;

class SqliteSnapshot final : public Snapshot {
 public:
  SqliteSnapshot(std::unique_ptr<SqliteConnection> connection, const std::string& context_id)
      : connection_(std::move(connection)),
        context_id_(context_id),
        metadata_(MetadataTable(context_id)),
        journal_(MakeSqliteJournalReader(*connection_)),
        versions_(MakeSqliteVersionReader(*connection_)) {}

  absl::Status Begin() {
    const int code = sqlite3_create_function_v2(connection_->handle(), kDigestFunction, -1,
                                                SQLITE_UTF8 | SQLITE_DIRECTONLY, this, nullptr, &AddRow,
                                                &NoResult, nullptr);
    if (code != SQLITE_OK) return connection_->ToStatus(code, "the mirror");
    for (const char* sql : {"BEGIN", "SELECT 1 FROM sqlite_schema"}) {
      RETURN_IF_ERROR(connection_->Execute(sql));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::optional<TableRecord>> ReadTable(const std::string& table) override {
    return SelectRecord(*connection_, metadata_, table);
  }
  absl::StatusOr<std::vector<TableRecord>> ReadTables() override {
    return SelectRecords(*connection_, metadata_);
  }
  absl::StatusOr<std::optional<TableSchema>> ReadSchema(const std::string& table) override {
    return SelectSchema(*connection_, table);
  }

  absl::StatusOr<std::vector<RangeDigest>> Digest(const TableSchema& table,
                                                  const std::vector<std::uint32_t>& columns,
                                                  const std::vector<KeyRange>& ranges,
                                                  const GoOn& go_on) override {
    const Watched watched(*this, go_on);
    const std::string values = NameList(table, columns);
    const bool by_call = static_cast<int>(columns.size()) <=
                         sqlite3_limit(connection_->handle(), SQLITE_LIMIT_FUNCTION_ARG, -1);
    const std::string select = by_call ? absl::StrCat(kDigestFunction, "(", values, ")") : values;
    RangeSelect statement(*connection_, table, select, /*in_key_order=*/false);
    const std::vector<KeyRange> all(1);
    std::vector<RangeDigest> digests;
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      sum_ = RangeDigest{};
      RETURN_IF_ERROR(statement.Run(range, [&](sqlite3_stmt* row) {
        if (!by_call) AddStored(row);
        return absl::OkStatus();
      }));
      digests.push_back(sum_);
    }
    return digests;
  }

  absl::Status ReadRows(const TableSchema& table, const std::vector<std::uint32_t>& columns,
                        const std::vector<KeyRange>& ranges, std::size_t block_bytes, const GoOn& go_on,
                        const TakeRows& take) override {
    const Watched watched(*this, go_on);
    RangeSelect statement(*connection_, table, NameList(table, columns), /*in_key_order=*/true);
    const std::vector<KeyRange> all(1);
    RowBlock block = RowBlock::For(table, columns);
    for (const KeyRange& range : ranges.empty() ? all : ranges) {
      RETURN_IF_ERROR(statement.Run(range, [&](sqlite3_stmt* row) {
        RETURN_IF_ERROR(AppendStoredRow(table, row, &block));
        if (block.bytes() < block_bytes) return absl::OkStatus();
        absl::Status taken = take(&block);
        block = RowBlock::For(table, columns);
        return taken;
      }));
    }
    return block.rows() == 0 ? absl::OkStatus() : take(&block);
  }

  JournalReader& journal() override { return *journal_; }
  VersionReader& versions() override { return *versions_; }

  absl::StatusOr<MirrorContents> ReadContents() override {
    return ReadSqliteContents(*connection_, context_id_);
  }

  absl::Status CopyTo(const std::string& path, const GoOnCopying& go_on) override {
    return CopySqliteFile(*connection_, path, go_on);
  }

 private:
  /// Lets `go_on` interrupt what SQLite does meanwhile.
  class Watched {
   public:
    Watched(SqliteSnapshot& snapshot, const GoOn& go_on)
        : watch_(snapshot.connection_->handle(), kStepsBetweenLooks, [&go_on] { return !go_on(); }) {}

   private:
    const sqlite::Watch watch_;
  };

  void AddStored(sqlite3_stmt* row) {
    for (int i = 0; i < sqlite3_data_count(row); ++i) AddValue(sqlite3_column_value(row, i));
    sum_.Add(digest_.Finish());
  }

  void AddValue(sqlite3_value* value) { sqlite::AddToDigest(value, &digest_); }

  static void AddRow(sqlite3_context* context, int count, sqlite3_value** values) {
    auto* const self = static_cast<SqliteSnapshot*>(sqlite3_user_data(context));
    for (int i = 0; i < count; ++i) self->AddValue(values[i]);
    self->sum_.Add(self->digest_.Finish());
  }
  static void NoResult(sqlite3_context* /*context*/) {}

  std::unique_ptr<SqliteConnection> connection_;
  const std::string context_id_, metadata_;
  const std::unique_ptr<JournalReader> journal_;
  const std::unique_ptr<VersionReader> versions_;
  RowDigest digest_;
  RangeDigest sum_;  ///< Of the range that is being read.
};

}  // namespace

absl::StatusOr<std::unique_ptr<Snapshot>> OpenSqliteSnapshot(const std::string& path,
                                                             const std::string& context_id) {
  absl::StatusOr<std::unique_ptr<SqliteConnection>> connection =
      SqliteConnection::Open(path, /*create=*/false, MirrorUse::kReading, nullptr);
  if (!connection.ok()) return connection.status();
  auto snapshot = std::make_unique<SqliteSnapshot>(*std::move(connection), context_id);
  RETURN_IF_ERROR(snapshot->Begin());
  return snapshot;
}

}  // namespace mirror
