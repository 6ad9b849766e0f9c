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

/// Columns whose values together only one row of a table has. Absent from these: constraints with a condition
/// or an expression.
struct UniqueColumns {
  std::vector<std::uint32_t> columns;
  std::vector<std::string> operators = {};  ///< In SQL: of each column, what says that two values are one.
  std::set<std::uint32_t> referred = {};    ///< Of these, columns that foreign keys refer to.
  bool waits = false;                       ///< It is DEFERRABLE: checked by SwapDatabase::End().
};

/// What ServerSwap asks of a database at a server, in a transaction. Errors: those of DeliveryDatabase.
class SwapDatabase {
 public:
  virtual ~SwapDatabase() = default;

  /// Whether a statement failed since another row has a UNIQUE value.
  virtual bool IsTaken(const absl::Status& status) const = 0;
  /// From here to End() constraints that are DEFERRABLE are not checked.
  virtual absl::Status Begin() = 0;
  /// Errors: also that of a constraint.
  virtual absl::Status End() = 0;
  /// Takes back what was done since Begin().
  virtual absl::Status TakeBack() = 0;

  virtual absl::StatusOr<std::vector<UniqueColumns>> FindUnique(const ServerMember& member) = 0;
  /// Keys of the rows that have these values, none of them NULL, in the columns.
  virtual absl::StatusOr<std::vector<RowOf>> FindKeys(const ServerMember& member, const UniqueColumns& unique,
                                                      const RowOf& values) = 0;
  /// Sets these columns of the task's row to NULL. False: that changed another row, too, or none.
  virtual absl::StatusOr<bool> SetToNull(const DeliveryTask& task, const ServerMember& member,
                                         const std::set<std::uint32_t>& columns) = 0;
};

/// Applies an update that is refused since other rows have its UNIQUE values, together with the deliveries
/// that change these rows: two rows may swap a value, and several may pass it on. Each row is written once
/// its values are free. Where the rows wait for one another in a circle, one of them has no value (NULL) in a
/// column of the constraint for a moment, unless the constraint is DEFERRABLE.
///
/// All objects outlive it. Threads: one.
class ServerSwap {
 public:
  /// Rows that are changed together.
  static constexpr std::size_t kRowsMax = 8;

  ServerSwap(DeliveryDatabase& database, const ServerMember& member, const ExchangeRules& rules,
             const RowsInInbox& inbox, std::int64_t now_ms)
      : database_(database),
        swaps_(*database.swaps()),
        member_(member),
        rules_(rules),
        inbox_(inbox),
        now_ms_(now_ms) {}

  /// Between SwapDatabase::Begin() and End(), once. False: it cannot be done so, and something may be done of
  /// it. Errors: those of the database.
  absl::StatusOr<bool> Do(const v1::Delivery& first);
  /// The other deliveries that it applied.
  std::vector<const v1::Delivery*> others() const;

 private:
  /// A delivery and its row.
  struct Step {
    v1::Delivery delivery;
    DeliveryTask task;
    RowOf before;                         ///< Of the mapped columns.
    std::set<std::uint32_t> empty_first;  ///< Columns that are NULL until the row is written.
    bool is_open = false;                 ///< Rows before it are still to be found.
  };

  /// Null: the delivery cannot be applied to its row as it is.
  absl::StatusOr<Step*> Add(v1::Delivery delivery);
  /// Takes the rows before this one that have its values, and then this one, into the order of writing.
  /// False: as of Do().
  absl::StatusOr<bool> Visit(Step& step);
  absl::StatusOr<bool> VisitHolder(const UniqueColumns& unique, const RowOf& key);
  /// Of the first delivery in the inbox for this row. Null: there is none that can be applied.
  absl::StatusOr<Step*> AddFromInbox(const RowOf& key);
  /// What the row is to have in these columns. Absent: it will not be in anybody's way, as with a NULL.
  absl::StatusOr<std::optional<RowOf>> WantedValues(const Step& step, const UniqueColumns& unique);
  /// Has the row let go of its values before the others are written. False: no column of it can.
  static bool LetGo(Step& step, const UniqueColumns& unique);

  DeliveryDatabase& database_;
  SwapDatabase& swaps_;
  const ServerMember& member_;
  const ExchangeRules& rules_;
  const RowsInInbox& inbox_;
  const std::int64_t now_ms_;
  std::vector<UniqueColumns> unique_;                   ///< Of the table.
  std::map<std::string, std::unique_ptr<Step>> steps_;  ///< By KeyText() of the row.
  std::vector<Step*> order_;                            ///< In which the rows are written.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_EXCHANGE_SERVER_SWAP_H_
