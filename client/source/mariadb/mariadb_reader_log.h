#ifndef MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_READER_LOG_H_
#define MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_READER_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/mariadb/mariadb_rows.h"
#include "client/source/reader.h"

namespace mirror {

/// What a reader asks of the change log of its database. Threads: those of the reader.
class MariadbReaderLog {
 public:
  virtual ~MariadbReaderLog() = default;

  /// Why no rows of the table can be sent now, for people.
  virtual absl::Status CheckReadable(const MariadbTable& table) = 0;
  /// All rows of it are about to be read, for net changes to follow: snapshots that were noted of it before
  /// count no more.
  virtual void BeginRows(const MariadbTable& table) = 0;
  /// Rows of it were read in a snapshot at this place of the binlog: MariadbReading::snapshot().
  virtual void NoteSnapshot(const MariadbTable& table, const std::string& snapshot) = 0;
  /// The changes that are read of the log until LeaveMoment() are as of one moment, which comes behind this
  /// call, where no row has to be read in the database for them.
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
      std::shared_ptr<const MariadbLook> look, std::shared_ptr<const KnownMariadbTable> known, Ask ask) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_MARIADB_MARIADB_READER_LOG_H_
