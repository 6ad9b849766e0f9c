#ifndef MIRROR_SERVER_HUB_SQLITE_HUB_FILE_H_
#define MIRROR_SERVER_HUB_SQLITE_HUB_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/db/sqlite/connection.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// `Mirror_<storage>.hub.db`. What was committed is on disk. Errors: kUnavailable: the disk, a lock;
/// kFailedPrecondition: a later version made it; kDataLoss.
/// Threads: one at a time.
class HubFile {
 public:
  /// Makes it where it is not there. `rules` outlive it.
  static absl::StatusOr<std::unique_ptr<HubFile>> Open(const std::string& path, const HubRules& rules);

  /// Removes it, where it is there; nobody has it open.
  static absl::Status Remove(const std::string& path);

  /// There was none before.
  bool was_made() const { return was_made_; }

  /// The rules that it was made by, as a digest of theirs. Where it was made by others, all rows are read
  /// again, and whatever that derives waits for an operator. True: they were others.
  absl::StatusOr<bool> TakeRules(const std::string& digest);

  /// Commits what `work` wrote, or takes it back after its error.
  absl::Status Transact(const std::function<absl::Status(HubBook& book)>& work);
  /// Takes back all that `work` wrote, whatever comes of it: nobody else ever sees it. Errors: those of
  /// `work`, too.
  absl::Status Try(const std::function<absl::Status(HubBook& book)>& work);
  /// One moment of it, read.
  absl::Status Read(const std::function<absl::Status(HubBook& book)>& work);

  /// Open deliveries of a data source in the order in which they are handed out, until `take` gives false.
  using TakeOne = std::function<absl::StatusOr<bool>(HubDelivery delivery)>;
  absl::Status ReadOpen(const std::string& data_source, const TakeOne& take);
  /// Of an operator: held deliveries become open, or are kept and never handed out. Gives how many.
  absl::StatusOr<std::size_t> DecideHeld(bool commit);
  /// Frozen attributes of one record, or with an empty id of all. Gives how many records.
  absl::StatusOr<std::size_t> Thaw(const std::string& golden_id);

  /// Of each data source: rows, and deliveries by their state.
  struct Figures {
    std::uint64_t rows = 0, open = 0, held = 0, dropped = 0, refused = 0;
  };
  absl::StatusOr<std::map<std::string, Figures>> CountAll();
  absl::StatusOr<std::uint64_t> CountRecords();
  /// Records with several rows of one data source, and pairs of records that a row's key is of both, unless
  /// they were parted.
  struct Duplicate {
    std::string entity, golden_id, other_id, data_source;
    std::uint64_t rows = 0;
  };
  absl::StatusOr<std::vector<Duplicate>> FindDuplicates(std::size_t limit);

 private:
  HubFile(std::unique_ptr<sqlite::Connection> connection, const HubRules& rules, bool was_made)
      : rules_(rules), connection_(std::move(connection)), was_made_(was_made) {}

  const HubRules& rules_;
  std::unique_ptr<sqlite::Connection> connection_;
  const bool was_made_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_SQLITE_HUB_FILE_H_
