#ifndef MIRROR_CLIENT_RUN_DATAJOIN_RUN_H_
#define MIRROR_CLIENT_RUN_DATAJOIN_RUN_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/config/source_config.h"
#include "client/cycle/cycle_report.h"
#include "client/exchange/datajoin/datajoin_layout.h"
#include "client/exchange/inbox_layout.h"

namespace mirror {

/// Makes what `layout = "datajoin"` has in a source. What was done, for people; empty: its layout is another
/// one. Errors: those of MakeDatajoinObjects().
absl::StatusOr<std::string> InstallDatajoin(const SourceConfig& source);

/// What one run of a source shows in DataJoin's tables; nothing, where its layout is another one.
class DatajoinRun {
 public:
  /// `source` outlives it.
  explicit DatajoinRun(const SourceConfig& source);

  /// Null: the layout is another one.
  InboxLayout* layout() const { return layout_.get(); }

  /// Errors: the tables are not what they should be, and nothing was done.
  absl::Status Check() const;
  /// The same, and the outbox is ready for a push.
  absl::Status Begin() const;
  /// How the push ended. What cannot be shown is shown by the next run.
  void Pushed(const CycleReport& report) const;
  /// Behind a push that was done: how the fetch ended. `waiting`: why the hub gave nothing.
  void Fetched(const absl::Status& status, const std::string& waiting) const;

 private:
  const SourceConfig& source_;
  const std::unique_ptr<DatajoinLayout> layout_;
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_RUN_DATAJOIN_RUN_H_
