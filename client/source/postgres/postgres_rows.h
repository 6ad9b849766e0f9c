#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROWS_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROWS_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/postgres/copy.h"
#include "client/source/capture/value_rows.h"
#include "client/source/postgres/postgres_catalog.h"
#include "client/source/postgres/postgres_sessions.h"
#include "client/source/postgres/postgres_types.h"
#include "client/source/reader.h"
#include "client/source/server/server_look.h"
#include "client/source/server/server_rows.h"
#include "proto/wire/table.h"

namespace mirror {

/// A snapshot that other sessions also read in, kept by a transaction that does nothing else. While it
/// exists, VACUUM keeps the rows that it sees: kKeptFor limits that, even if the agent hangs. Threads: one.
class PostgresMoment {
 public:
  /// Readings that begin later have their own moments.
  static constexpr std::chrono::minutes kKeptFor{30};

  /// Errors: those of PostgresSessions::Take().
  static absl::StatusOr<std::unique_ptr<PostgresMoment>> Hold(std::shared_ptr<PostgresSessions> sessions);

  /// The name from pg_export_snapshot().
  const std::string& snapshot() const { return snapshot_; }
  bool IsOver() const { return std::chrono::steady_clock::now() - begun_ >= kKeptFor; }
  /// Explains why a reading in it did not begin: the server may have ended the keeping session.
  absl::Status Explain(absl::Status status);

 private:
  explicit PostgresMoment(std::unique_ptr<SourceReading> reading) : reading_(std::move(reading)) {}

  const std::unique_ptr<SourceReading> reading_;
  std::string snapshot_;
  std::chrono::steady_clock::time_point begun_;
};

/// A table of a look.
struct KnownPostgresTable : KnownServerTable<PostgresTable> {
  TableSchema ForSteps() const { return StepsSchema(table, schema); }
};

/// State that the readers of one look share. Its snapshots are those of pg_current_snapshot(); a standby's
/// answer is refused: kUnavailable.
struct PostgresLook : ServerLook<PostgresSessions, PostgresSource, KnownPostgresTable> {
  std::string schema;
  /// The moment of all readings that begin while it exists. Null: each reading has its own.
  std::shared_ptr<PostgresMoment> moment = nullptr;
};

/// Begins a transaction that reads the table, which matches its look and is locked to stay unchanged.
/// `snapshot`: if not null, receives its pg_current_snapshot(). Errors: those of TableReader::Next().
absl::StatusOr<std::unique_ptr<SourceReading>> BeginPostgresReading(const PostgresLook& look,
                                                                    const KnownPostgresTable& known,
                                                                    std::string* snapshot = nullptr);

/// Selects rows of a table, and their columns.
struct PostgresAsk {
  std::vector<std::uint32_t> columns;  ///< Indexes of its schema.
  std::string where = {};              ///< A condition over the row t; empty: all.
  std::string behind = {};             ///< "ORDER BY … LIMIT …"
  bool left_out = false;               ///< Only rows that the table's `where` leaves out.
  std::string join = {};               ///< Before the table, with JOIN at its end; `where` is then its ON.
};

/// Rows of a table at one moment, that of the first Next(). The snapshot and a lock against changes of the
/// table's definition are only held from then to the last row, or until another session waits to make such a
/// change. Threads: one.
class PostgresSourceRows : public ServerRows<PostgresLook, PostgresAsk, PostgresRowDecoder> {
 public:
  PostgresSourceRows(std::shared_ptr<const PostgresLook> look,
                     std::shared_ptr<const KnownPostgresTable> known, PostgresAsk ask);
  ~PostgresSourceRows() override;

  /// For statements with parameters: `arrays` are $1, $2, …
  void Bind(std::vector<postgres::Array> arrays) { arrays_ = std::move(arrays); }

 private:
  absl::Status Begin() override;
  absl::Status Send() override;
  absl::StatusOr<bool> Step() override;
  const std::vector<std::string_view>& Fields() const override { return copy_ ? copy_->fields() : fields_; }
  absl::Status CheckOthers() override;
  absl::Status Explain(const absl::Status& status) const override;
  void Close() override;
  std::string Sql() const;

  std::vector<postgres::Array> arrays_;
  std::uint64_t steps_done_ = 0;
  std::chrono::steady_clock::time_point asked_;  ///< Time of the last check for waiting sessions.
  std::unique_ptr<SourceReading> reading_;
  std::optional<postgres::CopyOut> copy_;
  std::optional<postgres::RowStream> stream_;
  std::vector<std::string_view> fields_;  ///< Fields of a stream's row.
};

/// Counts the source's rows of a table at one moment. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountPostgresRows(const PostgresLook& look, const KnownPostgresTable& known,
                                                const std::string& where = "");

/// See SourceReader::LookAtColumn(). An index can answer if PostgreSQL orders the type as KeyPart does;
/// otherwise every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtPostgresColumn(
    const std::shared_ptr<const PostgresLook>& look, const std::shared_ptr<const KnownPostgresTable>& known,
    std::uint32_t column);

/// See ReadKeyRows(): gives the rows of these keys, and others that the source's collations consider equal,
/// with the columns `read`. All of them are of one moment.
std::unique_ptr<ValueRows> RowsOfPostgresKeys(std::shared_ptr<const PostgresLook> look,
                                              std::shared_ptr<const KnownPostgresTable> known,
                                              std::vector<std::uint32_t> read, WantedKeys keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROWS_H_
