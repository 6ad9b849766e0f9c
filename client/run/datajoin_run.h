#ifndef MIRROR_CLIENT_RUN_DATAJOIN_RUN_H_
#define MIRROR_CLIENT_RUN_DATAJOIN_RUN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/cycle/cycle_report.h"
#include "client/exchange/datajoin/datajoin_layout.h"
#include "client/exchange/import_delivery.h"
#include "client/exchange/inbox.h"

namespace mirror {

/// Makes the objects that `layout = "datajoin"` needs in a SQLite source. Returns what was done,
/// for people; empty: the source has another layout. Errors: those of MakeDatajoinObjects().
absl::StatusOr<std::string> InstallDatajoin(const SourceConfig& source);

/// Shows one run of a source in DataJoin's tables; does nothing if the source has another layout.
class DatajoinRun {
 public:
  explicit DatajoinRun(const SourceConfig& source);

  /// Returns the function that makes the layout; empty: the source has another layout. This object must
  /// outlive the layout.
  MakeInboxLayout layout() const;

  /// Checks the tables. Errors: they are not as required, and nothing was done.
  absl::Status Check(DeliveryTarget& target) const;
  /// Does Check(), and prepares the outbox for a push.
  absl::Status Begin(DeliveryTarget& target) const;
  /// Shows the result of the push. If that fails, the next run shows it.
  void Pushed(DeliveryTarget& target, const CycleReport& report) const;
  /// Shows the result of the fetch after a successful push. `waiting`: why the hub gave nothing.
  void Fetched(DeliveryTarget& target, const absl::Status& status, const std::string& waiting) const;

 private:
  /// Checks that the tables exist, with their initial rows.
  absl::Status CheckBoxes(BoxSource& source) const;
  void ShowFailed(DeliveryTarget& target, const absl::Status& why) const;
  void ShowWaiting(DeliveryTarget& target) const;

  const std::unique_ptr<DatajoinRound> round_;  ///< Null: the source has another layout.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_DATAJOIN_RUN_H_
