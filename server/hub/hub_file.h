#ifndef MIRROR_SERVER_HUB_HUB_FILE_H_
#define MIRROR_SERVER_HUB_HUB_FILE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/hub/plan/hub_book.h"
#include "server/hub/plan/hub_rules.h"
#include "server/own_records/column.h"

namespace mirror {

/// The storage of a hub: `Mirror_<storage>.hub.db`, or a schema of the control database that all servers
/// share. A commit is on disk when it returns. Errors: kUnavailable: the disk, a lock, a connection;
/// kFailedPrecondition: a later version made it; kDataLoss. Threads: one at a time, except for news.
class HubFile {
 public:
  virtual ~HubFile() = default;

  /// Runs `work` while no other server runs a derivation of this hub. `work` is one whole derivation, from
  /// its first read to the last message to a mirror. Errors: kUnavailable, before `work`: another server is
  /// at work; those of `work`.
  virtual absl::Status Alone(const std::function<absl::Status()>& work) = 0;

  /// Called within Alone(): checks that it still holds, and did not end with a lost connection.
  virtual absl::Status CheckAlone() = 0;

  /// Returns whether nothing was derived into it yet.
  absl::StatusOr<bool> IsNew();

  /// Stores the digest of the rules. If the file was made by other rules, the hub reads all rows again, and
  /// all deliveries that follow from them are held for an operator. Returns true in that case; false for a
  /// new file.
  virtual absl::StatusOr<bool> TakeRules(const std::string& digest) = 0;

  /// Commits the writes of `work`, or rolls them back after its error.
  virtual absl::Status Transact(const std::function<absl::Status(HubBook& book)>& work) = 0;
  /// Rolls back all writes of `work`, also on success: no other reader ever
  /// sees them. Errors: those of `work`, too.
  virtual absl::Status Try(const std::function<absl::Status(HubBook& book)>& work) = 0;
  /// Reads one moment of it.
  virtual absl::Status Read(const std::function<absl::Status(HubBook& book)>& work) = 0;

  /// Called within Alone(): removes deleted data from every part of the file. Errors: also kUnavailable, if a
  /// reader may still see that data or the disk has no room. Then some of the data may still be in the file.
  virtual absl::Status Rewrite() = 0;

  /// Carries out an operator's decision about all held deliveries. True: opens them, so that members fetch
  /// them. False: drops them; they are kept but never handed out. Returns how many.
  virtual absl::StatusOr<std::size_t> DecideHeld(bool commit) = 0;
  /// Opens the deliveries that DecideHeld(false) dropped. Returns how many.
  virtual absl::StatusOr<std::size_t> OpenDropped() = 0;

  /// Numbers of rows, and of deliveries by their state, per data source.
  struct Figures {
    std::uint64_t rows = 0, open = 0, held = 0, dropped = 0, refused = 0;
  };
  absl::StatusOr<std::map<std::string, Figures>> CountAll();
  /// Counts deliveries in this state.
  absl::StatusOr<std::map<DeliveryPlace, std::uint64_t>> CountPlaces(DeliveryState state);
  absl::StatusOr<std::uint64_t> CountRecords();
  /// Finds records with frozen attributes: their number, for each data source the number
  /// with a row there, and the oldest `limit` records.
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
  absl::StatusOr<Frozen> FindFrozen(std::size_t limit);
  /// Counts rows that an operator moved, and pairs of records that an operator parted. Reads all rows.
  struct ByHand {
    std::uint64_t rows = 0, parted = 0;
  };
  absl::StatusOr<ByHand> CountByHand();
  /// Finds records with several rows of one data source, and pairs of records that share
  /// a row's key, unless an operator parted them.
  struct Duplicate {
    std::string entity, golden_id, other_id, data_source;
    std::uint64_t rows = 0;
  };
  absl::StatusOr<std::vector<Duplicate>> FindDuplicates(std::size_t limit);

  /// News of its members, whichever server completed their cycles.
  struct News {
    std::int64_t noted = 0;  ///< How often something new was noted,
    std::int64_t read = 0;   ///< and how many of these a derivation has read since.
  };
  // Threads: any.

  virtual absl::Status NoteNews() = 0;
  virtual absl::StatusOr<News> ReadNews() = 0;
  /// Notes that a derivation has read all news that were noted before.
  virtual absl::Status NoteRead(std::int64_t noted) = 0;

 protected:
  /// SQL that differs between the stores.
  struct Words {
    std::string frozen_join;  ///< Joins frozen records with their rows: the records are read first.
    std::string duplicates;   ///< Gives entity, two ids, data source and number of rows; $1: the limit.
  };
  explicit HubFile(const Words& words) : words_(words) {}

  using FieldAt = absl::FunctionRef<Field(int column, ColumnKind kind)>;
  using TakeRow = absl::FunctionRef<absl::Status(FieldAt at)>;
  /// Takes each row that a query finds. In `sql` @ stands for the place of the hub's tables, and $1 for
  /// `value`.
  virtual absl::Status Ask(const std::string& sql, std::optional<std::int64_t> value, TakeRow take) = 0;

 private:
  absl::StatusOr<std::uint64_t> Count(const std::string& sql);

  const Words words_;
};

/// How to open and remove the files of hubs.
struct HubFiles {
  /// Opens the file, or makes it if there is none. `rules` must outlive it.
  std::function<absl::StatusOr<std::unique_ptr<HubFile>>(const HubRules& rules)> open;
  /// Removes the file if it exists, even one that cannot be opened; nothing in this process may have it open.
  std::function<absl::Status(const HubRules& rules)> remove;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_FILE_H_
