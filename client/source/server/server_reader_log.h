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

/// What a reader asks of the change log of its database. `Look`: a ServerLook. Threads: those of the reader.
template <typename Look>
class ServerReaderLog {
 public:
  using Known = typename Look::Known;
  using Table = typename Known::Table;

  virtual ~ServerReaderLog() = default;

  /// Why no rows of the table can be sent now, for people.
  virtual absl::Status CheckReadable(const Table& table) = 0;
  /// All rows of it are about to be read, for net changes to follow: snapshots that were noted of it before
  /// count no more.
  virtual void BeginRows(const Table& table) = 0;
  /// Behind BeginRows(), all rows as the log has them, for a table that was emptied; null: they are to be
  /// read in the database.
  virtual absl::StatusOr<std::unique_ptr<TableReader>> LoggedRows(
      std::shared_ptr<const Look> /*look*/, std::shared_ptr<const Known> /*known*/,
      const std::vector<std::uint32_t>& /*columns*/) {
    return nullptr;
  }
  /// Rows of it were read in this snapshot: see ServerLook::note_snapshot.
  virtual void NoteSnapshot(const Table& table, const std::string& snapshot) = 0;
  /// What is read of the log until LeaveMoment() is as of one moment, which comes behind this call: all that
  /// is committed now is in it. Rows that are read in the database meanwhile are of another one, where the
  /// reader does not hold that, too.
  virtual absl::Status HoldMoment() = 0;
  virtual void LeaveMoment() = 0;
  /// See SourceReader::Changes(). Behind BeginRows(): those that follow the rows that were read.
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
