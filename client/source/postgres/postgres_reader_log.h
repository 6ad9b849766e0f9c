#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_READER_LOG_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_READER_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/postgres/postgres_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// What a reader asks of the change log of its database. Threads: those of the reader.
class PostgresReaderLog {
 public:
  virtual ~PostgresReaderLog() = default;

  /// Why no rows of the table can be sent now, for people.
  virtual absl::Status CheckReadable(const PostgresTable& table) = 0;
  /// All rows of it are about to be read, for net changes to follow: snapshots that were noted of it before
  /// count no more.
  virtual void BeginRows(const PostgresTable& table) = 0;
  /// Behind BeginRows(), all rows as the log has them, for a table that was emptied; null: they are to be
  /// read in the database.
  virtual absl::StatusOr<std::unique_ptr<TableReader>> LoggedRows(
      std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known,
      const std::vector<std::uint32_t>& columns) = 0;
  /// Rows of it were read in this snapshot (pg_current_snapshot()).
  virtual void NoteSnapshot(const PostgresTable& table, const std::string& snapshot) = 0;
  /// What is read of the log until LeaveMoment() is as of one moment, which comes behind this call: all that
  /// is committed now is in it. Rows are read in a snapshot of before meanwhile.
  virtual absl::Status HoldMoment() = 0;
  virtual void LeaveMoment() = 0;
  /// See SourceReader::Changes(). Behind BeginRows(): those that follow the rows that were read.
  struct Ask {
    Lsn from;
    std::vector<std::uint32_t> columns;
    bool whole_rows = false;
    std::vector<Key> also = {};
  };
  virtual absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(
      std::shared_ptr<const PostgresLook> look, std::shared_ptr<const KnownPostgresTable> known, Ask ask) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_POSTGRES_READER_LOG_H_
