#ifndef MIRROR_CLIENT_SOURCE_SERVER_SERVER_READER_LOG_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SERVER_READER_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/source/reader.h"

namespace mirror {

/// The reader's view of the change log of its database. `Look`: a ServerLook. Threads: the reader's.
template <typename Look>
class ServerReaderLog {
 public:
  using Known = typename Look::Known;
  using Table = typename Known::Table;

  virtual ~ServerReaderLog() = default;

  /// Returns an error for people if no rows of the table can be sent now.
  virtual absl::Status CheckReadable(const Table& table) = 0;
  /// Called before all rows of the table are read; net changes will follow. Discards the snapshots that were
  /// noted for the table before.
  virtual void BeginRows(const Table& table) = 0;
  /// After BeginRows(): returns all rows from the log, for a table that was emptied; null: read them in the
  /// database.
  virtual absl::StatusOr<std::unique_ptr<TableReader>> LoggedRows(
      std::shared_ptr<const Look> /*look*/, std::shared_ptr<const Known> /*known*/,
      const std::vector<std::uint32_t>& /*columns*/) {
    return nullptr;
  }
  /// Notes that rows of the table were read in this snapshot: see ServerLook::note_snapshot.
  virtual void NoteSnapshot(const Table& table, const std::string& snapshot) = 0;
  /// Makes all reads of the log until LeaveMoment() see one moment, which includes everything that is
  /// committed now. Rows read in the database meanwhile are of another moment, unless the reader holds that
  /// moment, too.
  virtual absl::Status HoldMoment() = 0;
  virtual void LeaveMoment() = 0;
  /// See SourceReader::Changes(). After BeginRows(): the changes that follow the rows that were read.
  struct Ask {
    Lsn from;
    std::vector<std::uint32_t> columns;
    bool whole_rows = false;
    std::vector<Key> also = {};
  };
  virtual absl::StatusOr<std::unique_ptr<ChangeReader>> Changes(std::shared_ptr<const Look> look,
                                                                std::shared_ptr<const Known> known,
                                                                Ask ask) = 0;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SERVER_READER_LOG_H_
