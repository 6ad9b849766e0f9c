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
/// share. A commit is on disk when the call returns. Errors: kUnavailable: the disk, a lock or a connection;
/// kFailedPrecondition: a later version of the program wrote it; kDataLoss. Threads: one at a time; any for
/// NoteNews() and ReadNews().
class HubFile {
 public:
  virtual ~HubFile() = default;

  /// Runs `work` while no other server derives this hub. `work` is one whole derivation, from its first read
  /// to the last acknowledgement to a mirror. Errors: kUnavailable, before `work`: another server derives;
  /// those of `work`.
  virtual absl::Status Alone(const std::function<absl::Status()>& work) = 0;

  /// Checks that Alone() still excludes other servers, which a lost connection can end. Called within
  /// Alone().
  virtual absl::Status CheckAlone() = 0;

  /// Returns whether no derivation has written to the file yet.
  absl::StatusOr<bool> IsNew();

  /// Stores the digest of the rules. Returns true if other rules made the file's content. Then the hub reads
  /// all rows again, and holds all deliveries that follow from them for an operator. Returns false for a new
  /// file.
  virtual absl::StatusOr<bool> TakeRules(const std::string& digest) = 0;

  /// Commits the writes of `work`, or rolls them back after its error.
  virtual absl::Status Transact(const std::function<absl::Status(HubBook& book)>& work) = 0;
  /// Runs `work` and rolls back all its writes, also on success. No other reader ever sees them. Errors: also
  /// those of `work`.
  virtual absl::Status Try(const std::function<absl::Status(HubBook& book)>& work) = 0;
  /// Runs `work` on one committed state of the file.
  virtual absl::Status Read(const std::function<absl::Status(HubBook& book)>& work) = 0;

  /// Removes deleted data from every part of the file. Called within Alone(). Errors: also kUnavailable: a
  /// reader may still use that data, or the disk has no room. Then the file may still contain some of it.
  virtual absl::Status Rewrite() = 0;

  /// Carries out an operator's decision about all held deliveries. True: opens them, so that members fetch
  /// them. False: drops them: they are kept but never returned to a member. Returns their number.
  virtual absl::StatusOr<std::size_t> DecideHeld(bool commit) = 0;
  /// Opens the deliveries that DecideHeld(false) dropped. Returns their number.
  virtual absl::StatusOr<std::size_t> OpenDropped() = 0;

  /// Numbers of rows, and of deliveries by their state, per data source.
  struct Figures {
    std::uint64_t rows = 0, open = 0, held = 0, dropped = 0, refused = 0;
  };
  absl::StatusOr<std::map<std::string, Figures>> CountAll();
  /// Returns the number of deliveries in this state, by place.
  absl::StatusOr<std::map<DeliveryPlace, std::uint64_t>> CountPlaces(DeliveryState state);
  absl::StatusOr<std::uint64_t> CountRecords();
  /// Finds records with frozen attributes. Returns the number of these records, in total and for each data
  /// source that has a row of them, and the oldest `limit` records.
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
  /// Finds records with several rows of one data source. Also finds pairs of records that share a row's key,
  /// unless an operator parted them.
  struct Duplicate {
    std::string entity, golden_id, other_id, data_source;
    std::uint64_t rows = 0;
  };
  absl::StatusOr<std::vector<Duplicate>> FindDuplicates(std::size_t limit);

  /// Whether members have news, whichever server completed their cycles.
  struct News {
    std::int64_t noted = 0;  ///< Number of times that something new was noted.
    std::int64_t read = 0;   ///< The part of `noted` that a derivation has read.
  };
  // Threads: any.

  virtual absl::Status NoteNews() = 0;
  virtual absl::StatusOr<News> ReadNews() = 0;
  /// Notes that a derivation has read all news up to `noted`.
  virtual absl::Status NoteRead(std::int64_t noted) = 0;

 protected:
  /// SQL that differs between the stores.
  struct Words {
    std::string frozen_join;  ///< Joins frozen records with their rows, reading the records first.
    std::string duplicates;   ///< Returns entity, two ids, data source and number of rows; $1: the limit.
  };
  explicit HubFile(const Words& words) : words_(words) {}

  using FieldAt = absl::FunctionRef<Field(int column, ColumnKind kind)>;
  using TakeRow = absl::FunctionRef<absl::Status(FieldAt at)>;
  /// Calls `take` for each row that a query finds. In `sql`, @ stands for the place of the hub's tables, and
  /// $1 for `value`.
  virtual absl::Status Ask(const std::string& sql, std::optional<std::int64_t> value, TakeRow take) = 0;

 private:
  absl::StatusOr<std::uint64_t> Count(const std::string& sql);

  const Words words_;
};

/// How to open and remove the files of hubs.
struct HubFiles {
  /// Opens the file, or creates it if there is none. `rules` must outlive the result.
  std::function<absl::StatusOr<std::unique_ptr<HubFile>>(const HubRules& rules)> open;
  /// Removes the file if it exists, even one that cannot be opened. Nothing in this process may have it open.
  std::function<absl::Status(const HubRules& rules)> remove;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HUB_HUB_FILE_H_
