#ifndef MIRROR_SERVER_HUB_HUB_FILE_H_
#define MIRROR_SERVER_HUB_HUB_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"

namespace mirror {

/// What a hub keeps: `Mirror_<storage>.hub.db`, or a schema of the control database that all servers share.
/// What was committed is on disk. Errors: kUnavailable: the disk, a lock, a connection; kFailedPrecondition:
/// a later version made it; kDataLoss. Threads: one at a time, but for news.
class HubFile {
 public:
  virtual ~HubFile() = default;

  /// Runs `work`, a derivation from its first look to the last thing that a mirror is told: meanwhile no
  /// other server begins one. Errors: kUnavailable, before `work`: another one is at work; those of `work`.
  virtual absl::Status Alone(const std::function<absl::Status()>& work) = 0;

  /// Within that: whether it is so still, and not only until a connection was lost.
  virtual absl::Status CheckAlone() = 0;

  /// Nothing was derived into it yet.
  virtual absl::StatusOr<bool> IsNew() = 0;

  /// The rules that it was made by, as a digest of theirs. Where it was made by others, all rows are read
  /// again, and whatever that derives waits for an operator. True: they were others.
  virtual absl::StatusOr<bool> TakeRules(const std::string& digest) = 0;

  /// Commits what `work` wrote, or takes it back after its error.
  virtual absl::Status Transact(const std::function<absl::Status(HubBook& book)>& work) = 0;
  /// Takes back all that `work` wrote, whatever comes of it: nobody else ever sees it. Errors: those of
  /// `work`, too.
  virtual absl::Status Try(const std::function<absl::Status(HubBook& book)>& work) = 0;
  /// One moment of it, read.
  virtual absl::Status Read(const std::function<absl::Status(HubBook& book)>& work) = 0;

  /// Within Alone(): what was deleted stands in no part of it on disk any more. Errors: kUnavailable, too:
  /// somebody who reads it may still see that, or there is no room; some of it may still be there.
  virtual absl::Status Rewrite() = 0;

  /// Of an operator: held deliveries become open, or are kept and never handed out. Gives how many.
  virtual absl::StatusOr<std::size_t> DecideHeld(bool commit) = 0;
  /// The latter become open after all. Gives how many.
  virtual absl::StatusOr<std::size_t> OpenDropped() = 0;

  /// Of each data source: rows, and deliveries by their state.
  struct Figures {
    std::uint64_t rows = 0, open = 0, held = 0, dropped = 0, refused = 0;
  };
  virtual absl::StatusOr<std::map<std::string, Figures>> CountAll() = 0;
  /// Of deliveries in this state.
  virtual absl::StatusOr<std::map<DeliveryPlace, std::uint64_t>> CountPlaces(DeliveryState state) = 0;
  virtual absl::StatusOr<std::uint64_t> CountRecords() = 0;
  /// Records with frozen attributes: how many, of each data source those that have a row there, and the
  /// oldest `limit` records.
  struct FrozenRecord {
    std::string entity, golden_id;
    std::set<std::string> attributes = {};
    friend bool operator==(const FrozenRecord&, const FrozenRecord&) = default;
  };
  struct Frozen {
    std::uint64_t records = 0;
    std::map<std::string, std::uint64_t> of_data_source = {};
    std::vector<FrozenRecord> first = {};
  };
  virtual absl::StatusOr<Frozen> FindFrozen(std::size_t limit) = 0;
  /// Rows that somebody put where they are, and pairs of records that somebody parted. Reads all rows.
  struct ByHand {
    std::uint64_t rows = 0, parted = 0;
  };
  virtual absl::StatusOr<ByHand> CountByHand() = 0;
  /// Records with several rows of one data source, and pairs of records that a row's key is of both, unless
  /// they were parted.
  struct Duplicate {
    std::string entity, golden_id, other_id, data_source;
    std::uint64_t rows = 0;
  };
  virtual absl::StatusOr<std::vector<Duplicate>> FindDuplicates(std::size_t limit) = 0;

  /// Of its members, wherever their cycles were completed.
  struct News {
    std::int64_t noted = 0;  ///< How often there was something new,
    std::int64_t read = 0;   ///< and of these how many a derivation has looked at since.
  };
  // Threads: any.

  virtual absl::Status NoteNews() = 0;
  virtual absl::StatusOr<News> ReadNews() = 0;
  /// A derivation looked at all that was noted before.
  virtual absl::Status NoteRead(std::int64_t noted) = 0;
};

/// Where hubs have their files.
struct HubFiles {
  /// Makes it where it is not there. `rules` outlive it.
  std::function<absl::StatusOr<std::unique_ptr<HubFile>>(const HubRules& rules)> open;
  /// Removes it, where it is there, and also where it cannot be opened; nobody here has it open.
  std::function<absl::Status(const HubRules& rules)> remove;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_FILE_H_
