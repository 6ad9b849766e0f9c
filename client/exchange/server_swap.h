#ifndef MIRROR_CLIENT_EXCHANGE_SERVER_SWAP_H_
#define MIRROR_CLIENT_EXCHANGE_SERVER_SWAP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/exchange/delivery_database.h"
#include "client/exchange/delivery_task.h"
#include "client/exchange/exchange_rules.h"
#include "mirror/v1/mirror_client.pb.h"

namespace mirror {

/// Columns of a UNIQUE constraint: only one row of a table has their
/// values. Constraints with a condition or an expression are left out.
struct UniqueColumns {
  std::vector<std::uint32_t> columns;
  std::vector<std::string> operators = {};  ///< In SQL: for each column, the operator that compares values.
  std::set<std::uint32_t> referred = {};    ///< Columns among them that foreign keys refer to.
  bool waits = false;                       ///< It is DEFERRABLE: checked by SwapDatabase::End().
};

/// Operations of a server's database that ServerSwap needs in a transaction. Errors: as in DeliveryDatabase.
class SwapDatabase {
 public:
  virtual ~SwapDatabase() = default;

  /// Whether a statement failed because another row has a UNIQUE value.
  virtual bool IsTaken(const absl::Status& status) const = 0;
  /// Defers the check of DEFERRABLE constraints until End().
  virtual absl::Status Begin() = 0;
  /// Checks the deferred constraints. Errors: also that of a constraint.
  virtual absl::Status End() = 0;
  /// Rolls back everything since Begin().
  virtual absl::Status TakeBack() = 0;

  virtual absl::StatusOr<std::vector<UniqueColumns>> FindUnique(const ServerMember& member) = 0;
  /// Returns the keys of the rows that have these values, none of them NULL, in the columns.
  virtual absl::StatusOr<std::vector<RowOf>> FindKeys(const ServerMember& member, const UniqueColumns& unique,
                                                      const RowOf& values) = 0;
  /// Sets these columns of the task's row to NULL. False: that changed no row, or another one, too.
  virtual absl::StatusOr<bool> SetToNull(const DeliveryTask& task, const ServerMember& member,
                                         const std::set<std::uint32_t>& columns) = 0;
};

/// Applies an update that is refused because other rows have its UNIQUE values, together with
/// the deliveries that change these rows. So two rows can swap a value, and several can pass
/// it on. Each row is written once its values are free. In a circle of waiting rows, one row
/// temporarily has NULL in a column of the constraint, unless the constraint is DEFERRABLE.
///
/// All objects outlive this one. Threads: one.
class ServerSwap {
 public:
  /// Maximum of rows that are changed together.
  static constexpr std::size_t kRowsMax = 8;

  ServerSwap(DeliveryDatabase& database, const ServerMember& member, const ExchangeRules& rules,
             const RowsInInbox& inbox, std::int64_t now_ms)
      : database_(database),
        swaps_(*database.swaps()),
        member_(member),
        rules_(rules),
        inbox_(inbox),
        now_ms_(now_ms) {}

  /// Applies the deliveries. Call it once, between SwapDatabase::Begin() and End(). False:
  /// it is impossible, and some of it may be done already. Errors: those of the database.
  absl::StatusOr<bool> Do(const v1::Delivery& first);
  /// Returns the other deliveries that it applied.
  std::vector<const v1::Delivery*> others() const;

 private:
  /// A delivery and its row.
  struct Step {
    v1::Delivery delivery;
    DeliveryTask task;
    RowOf before;                         ///< Values of the mapped columns.
    std::set<std::uint32_t> empty_first;  ///< Columns that are NULL until the row is written.
    bool is_open = false;                 ///< The search for rows before it is not finished.
  };

  /// Returns null if the delivery cannot be applied to the present row.
  absl::StatusOr<Step*> Add(v1::Delivery delivery);
  /// Adds the rows that must come before this one, because they have its
  /// values, and then this one to the order of writing. False: see Do().
  absl::StatusOr<bool> Visit(Step& step);
  absl::StatusOr<bool> VisitHolder(const UniqueColumns& unique, const RowOf& key);
  /// Adds the first delivery in the inbox for this row. Null: there is none that can be applied.
  absl::StatusOr<Step*> AddFromInbox(const RowOf& key);
  /// Returns the row's new values in these columns. Absent: they cannot block another row, as with a NULL.
  absl::StatusOr<std::optional<RowOf>> WantedValues(const Step& step, const UniqueColumns& unique);
  /// Plans that the row gives up its values before the others are written. False: no column of it can.
  static bool LetGo(Step& step, const UniqueColumns& unique);

  DeliveryDatabase& database_;
  SwapDatabase& swaps_;
  const ServerMember& member_;
  const ExchangeRules& rules_;
  const RowsInInbox& inbox_;
  const std::int64_t now_ms_;
  std::vector<UniqueColumns> unique_;                   ///< Constraints of the table.
  std::map<std::string, std::unique_ptr<Step>> steps_;  ///< By KeyText() of the row.
  std::vector<Step*> order_;                            ///< Order in which the rows are written.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_SERVER_SWAP_H_
