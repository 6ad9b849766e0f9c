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

/// Makes what `layout = "datajoin"` has in a source of SQLite. What was done, for people; empty: its layout
/// is another one. Errors: those of MakeDatajoinObjects().
absl::StatusOr<std::string> InstallDatajoin(const SourceConfig& source);

/// What one run of a source shows in DataJoin's tables; nothing, where its layout is another one.
class DatajoinRun {
 public:
  explicit DatajoinRun(const SourceConfig& source);

  /// Empty: the layout is another one. What it makes refers to this.
  MakeInboxLayout layout() const;

  /// Errors: the tables are not what they should be, and nothing was done.
  absl::Status Check(DeliveryTarget& target) const;
  /// The same, and the outbox is ready for a push.
  absl::Status Begin(DeliveryTarget& target) const;
  /// How the push ended. What cannot be shown is shown by the next run.
  void Pushed(DeliveryTarget& target, const CycleReport& report) const;
  /// Behind a push that was done: how the fetch ended. `waiting`: why the hub gave nothing.
  void Fetched(DeliveryTarget& target, const absl::Status& status, const std::string& waiting) const;

 private:
  /// The tables are there, with the rows that they begin with.
  absl::Status CheckBoxes(BoxSource& source) const;
  void ShowFailed(DeliveryTarget& target, const absl::Status& why) const;
  void ShowWaiting(DeliveryTarget& target) const;

  const std::unique_ptr<DatajoinRound> round_;  ///< Null: the layout is another one.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_DATAJOIN_RUN_H_
