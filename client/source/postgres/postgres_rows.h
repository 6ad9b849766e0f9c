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

/// A snapshot that other sessions read in, too, kept by a transaction that does nothing else. As long as it
/// is there, VACUUM leaves what it sees: kKeptFor bounds that, also where the agent hangs. Threads: one.
class PostgresMoment {
 public:
  /// Readings that begin later have moments of their own.
  static constexpr std::chrono::minutes kKeptFor{30};

  /// Errors: those of PostgresSessions::Take().
  static absl::StatusOr<std::unique_ptr<PostgresMoment>> Hold(std::shared_ptr<PostgresSessions> sessions);

  /// As pg_export_snapshot() calls it.
  const std::string& snapshot() const { return snapshot_; }
  bool IsOver() const { return std::chrono::steady_clock::now() - begun_ >= kKeptFor; }
  /// Of a reading in it that did not begin: the server may have ended what keeps it.
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

/// What the readers of one look share. Its snapshots are those of pg_current_snapshot(), none of which a
/// standby answers: kUnavailable.
struct PostgresLook : ServerLook<PostgresSessions, PostgresSource, KnownPostgresTable> {
  std::string schema;
  /// Of which all is read that begins while it is there. Null: each reading is of its own.
  std::shared_ptr<PostgresMoment> moment = nullptr;
};

/// A transaction that reads the table, which is as it was looked at, and locked so that it stays so.
/// `snapshot`: where it is given, pg_current_snapshot() of it. Errors: those of TableReader::Next().
absl::StatusOr<std::unique_ptr<SourceReading>> BeginPostgresReading(const PostgresLook& look,
                                                                    const KnownPostgresTable& known,
                                                                    std::string* snapshot = nullptr);

/// Which rows of a table are read, and what of them.
struct PostgresAsk {
  std::vector<std::uint32_t> columns;  ///< Indexes of its schema.
  std::string where = {};              ///< A condition over the row t; empty: all.
  std::string behind = {};             ///< "ORDER BY … LIMIT …"
  bool left_out = false;               ///< Instead: rows that the table's `where` leaves out.
  std::string join = {};               ///< Before the table, with JOIN at its end; then `where` is its ON.
};

/// Rows of a table as they were at one moment, which is that of the first Next(): the snapshot and a lock
/// against changes of the table's definition are held from there to the last row, or until somebody waits to
/// make one, and by no one before and after. Threads: one.
class PostgresSourceRows : public ServerRows<PostgresLook, PostgresAsk, PostgresRowDecoder> {
 public:
  PostgresSourceRows(std::shared_ptr<const PostgresLook> look,
                     std::shared_ptr<const KnownPostgresTable> known, PostgresAsk ask);
  ~PostgresSourceRows() override;

  /// For statements that bind values: `arrays` are $1, $2, …
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
  std::chrono::steady_clock::time_point asked_;  ///< When it was last looked who waits.
  std::unique_ptr<SourceReading> reading_;
  std::optional<postgres::CopyOut> copy_;
  std::optional<postgres::RowStream> stream_;
  std::vector<std::string_view> fields_;  ///< Of a stream's row.
};

/// The source's own rows of a table that are in it at one moment: how many. `where`: a condition over t.
absl::StatusOr<std::uint64_t> CountPostgresRows(const PostgresLook& look, const KnownPostgresTable& known,
                                                const std::string& where = "");

/// See SourceReader::LookAtColumn(). Where PostgreSQL's order of the type is that of KeyPart, an index can
/// answer; of all others every value is read. Least, greatest and nulls may be of different moments.
absl::StatusOr<SourceReader::ColumnFacts> LookAtPostgresColumn(
    const std::shared_ptr<const PostgresLook>& look, const std::shared_ptr<const KnownPostgresTable>& known,
    std::uint32_t column);

/// See ReadKeyRows(): the rows of these keys, and others that the source's collations take for them, with the
/// columns `read`. All of them are of one moment.
std::unique_ptr<ValueRows> RowsOfPostgresKeys(std::shared_ptr<const PostgresLook> look,
                                              std::shared_ptr<const KnownPostgresTable> known,
                                              std::vector<std::uint32_t> read, WantedKeys keys);

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_ROWS_H_
